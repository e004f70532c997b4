// Long computations look now and then whether somebody wants them to end.
#pragma once

#include <atomic>
#include <chrono>

namespace cnncore {

/// Of one computation on several threads. The calling thread, which is thread 0, asks the interrupt check about twenty
/// times a second; all threads leave their remaining tasks out once it has said yes.
class InterruptWatch {
 public:
  bool stopped(int thread) {
    if (thread == 0) look();
    return stopped_.load(std::memory_order_relaxed);
  }
  /// Throws Interrupted where tasks were left out.
  void finish() const;

 private:
  using Clock = std::chrono::steady_clock;
  void look();
  std::atomic<bool> stopped_{false};
  Clock::time_point last_ = Clock::now();
};

}  // namespace cnncore
