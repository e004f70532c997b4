// Waiting for other threads, for microseconds. Waits that last longer mean that the machine has no core for them.
#pragma once

#include <chrono>
#include <thread>

namespace cnncore {

using Clock = std::chrono::steady_clock;

/// Tells the processor that this thread only waits, so that a thread on the same core can go on.
inline void pause_thread() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Returns as soon as ready() is true. Returns how long that took, or zero for a short time, since reading the clock
/// takes time as well.
template <class Function>
Clock::duration wait_until(Function ready) {
  constexpr int kShort = 200, kSpins = 2000;  // after that many, another thread may need this core
  for (int i = 0; i < kShort; ++i) {
    if (ready()) return {};
    pause_thread();
  }
  const Clock::time_point begin = Clock::now();
  for (int i = kShort; !ready(); ++i) i < kSpins ? pause_thread() : std::this_thread::yield();
  return Clock::now() - begin;
}

/// Called after a loop that lasted from `begin` to `end`. The calling thread worked for the time `busy`, and the others
/// should have needed about as long. If the loop took much longer, the next ones have one thread for a while.
void note_loop(Clock::time_point begin, Clock::time_point end, Clock::duration busy);

}  // namespace cnncore
