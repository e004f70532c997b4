// Teams: the OpenMP threads that a thread of the program has for its parallel regions. Processes that fork and systems
// that have no more threads need care, since OpenMP would wait for ever or end the process.
#pragma once

#include <memory>
#include <type_traits>

namespace cnncore {

/// A reference to something that can be called. (A std::function may allocate memory, and a training step must not.)
struct RegionRef {
  void* object;
  void (*call)(void* object);
};
void run_with_team(RegionRef region);

/// Whether the calling thread has lost its team by a fork.
bool has_lost_team();

/// Calls f(), which contains a parallel region, on a thread that has not lost its team.
template <class Function>
void with_team(Function&& f) {
  using Callable = std::remove_reference_t<Function>;
  run_with_team({const_cast<void*>(static_cast<const void*>(std::addressof(f))),
                 [](void* object) { (*static_cast<Callable*>(object))(); }});
}

/// Returns how many of `wanted` threads can be started. OpenMP ends the process if it cannot create a thread. So before
/// it is asked for more threads than before, as many threads are created here at the same time. Each thread of the
/// program has a team of its own.
int threads_that_start(int wanted);

}  // namespace cnncore
