// Long computations look now and then whether somebody wants them to end.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "runtime/threads.h"

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

/// A thread's look at a watch from within a long task: only after so much work that looking costs nothing beside it.
class WorkWatch {
 public:
  WorkWatch() = default;
  WorkWatch(InterruptWatch& watch, int thread) : watch_(&watch), thread_(thread) {}
  /// `work`: floating-point operations that come next. True where they are to be left out.
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

/// parallel_for_on for long loops that may end early: throws Interrupted where somebody wants them to.
template <class Task>
void interruptible_for_on(int threads, int64_t tasks, Task&& task) {
  InterruptWatch watch;
  parallel_for_on(threads, tasks, [&](int64_t i, int thread) {
    if (!watch.stopped(thread)) task(i, thread);
  });
  watch.finish();
}

}  // namespace cnncore
