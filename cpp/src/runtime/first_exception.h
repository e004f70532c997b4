// Keeps the first exception of the tasks or stages of a loop.
#pragma once

#include <atomic>
#include <exception>

namespace cnncore {

/// Exceptions must not leave a thread of OpenMP, so the first one of a loop is kept here, and then thrown again on the
/// thread that called.
class FirstException {
 public:
  /// Calls f(). Returns false if it threw an exception.
  template <class Function>
  bool guard(Function f) noexcept {
    try {
      f();
      return true;
    } catch (...) {
      if (!taken_.exchange(true)) exception_ = std::current_exception();
      return false;
    }
  }
  void rethrow() const {
    if (taken_) std::rethrow_exception(exception_);
  }
  bool taken() const { return taken_; }

 private:
  std::atomic<bool> taken_{false};
  std::exception_ptr exception_;
};

}  // namespace cnncore
