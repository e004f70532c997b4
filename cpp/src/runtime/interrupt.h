// Long computations check from time to time whether they have been interrupted, for example by Ctrl-C.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "runtime/threads.h"

namespace cnncore {

/// Watches one computation on several threads for an interrupt. The calling thread, which is thread 0, calls the
/// interrupt check about twenty times a second. Once it has returned true, all threads leave out the tasks that remain.
class InterruptWatch {
 public:
  bool stopped(int thread) {
    if (thread == 0) look();
    return stopped_.load(std::memory_order_relaxed);
  }
  /// Throws Interrupted if tasks were left out.
  void finish() const;

 private:
  using Clock = std::chrono::steady_clock;
  void look();
  std::atomic<bool> stopped_{false};
  Clock::time_point last_{};  // zero before the first look, since reading the clock takes long for small work
};

/// Lets a thread check for an interrupt within a long task. It does so only after enough work that checking takes
/// practically no time.
class WorkWatch {
 public:
  WorkWatch() = default;
  WorkWatch(InterruptWatch& watch, int thread) : watch_(&watch), thread_(thread) {}
  /// `work` is the number of floating-point operations that come next. Returns true if they must be left out.
  bool stops_before(int64_t work) {
    if (!watch_) return false;
    done_ += work;
    if (done_ < kPerLook) return stopped_;
    done_ = 0;
    return stopped_ = watch_->stopped(thread_);
  }

 private:
  static constexpr int64_t kPerLook = 1 << 24;
  InterruptWatch* watch_ = nullptr;
  int thread_ = 0;
  int64_t done_ = 0;
  bool stopped_ = false;
};

/// parallel_for_on for long loops. It throws Interrupted if the loop was interrupted.
template <class Task>
void interruptible_for_on(int threads, int64_t tasks, Task&& task) {
  InterruptWatch watch;
  parallel_for_on(threads, tasks, [&](int64_t i, int thread) {
    if (!watch.stopped(thread)) task(i, thread);
  });
  watch.finish();
}

}  // namespace cnncore
