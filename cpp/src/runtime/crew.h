// A crew: threads that stay awake between the loops of a computation.
#pragma once

#include <memory>
#include <type_traits>

#include "runtime/team.h"
#include "runtime/threads.h"

namespace cnncore {

/// Calls f() on this thread. Until it returns, `threads` - 1 other threads wait for the loops of this thread. A loop of
/// a crew begins and ends within a microsecond, where a parallel region of OpenMP takes several, and it does not wait
/// for a thread that has not got a core yet. This is for computations that consist of many short loops, such as the
/// phases of a training step. The other threads use their cores while they wait, so f must not call Python. If this
/// thread has a crew already, or one cannot be had, f() is just called.
void with_crew_of(int threads, RegionRef f);
template <class Function>
void with_crew(int threads, Function&& f) {
  using Callable = std::remove_reference_t<Function>;
  with_crew_of(threads, {const_cast<void*>(static_cast<const void*>(std::addressof(f))),
                         [](void* object) { (*static_cast<Callable*>(object))(); }});
}

/// Whether this thread has a crew that is waiting for a loop.
bool crew_waits();
/// Runs a loop of `threads` threads on the crew of this thread, which waits. If the crew has more threads than that,
/// the loop runs on this thread only.
void run_on_crew(int64_t tasks, int threads, TaskRef task);

}  // namespace cnncore
