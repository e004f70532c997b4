// Threads: one parallel loop over independent tasks.
#pragma once

#include <cstdint>
#include <memory>

namespace cnncore {

/// Threads that a loop over `tasks` tasks of `work` floating-point operations in all will use. Work that would not keep a second
/// thread busy for some microseconds stays on the caller's: waking a thread can cost more, and on a busy machine much more.
int threads_for(int64_t tasks, int64_t work);

/// A reference to a callable (std::function may allocate, and a training step must not).
struct TaskRef {
  void* object;
  void (*call)(void* object, int64_t task, int thread);
};
void parallel_for_tasks(int64_t tasks, int threads, TaskRef task);

/// Calls task(i, thread) for i < tasks; `thread` counts from 0 below threads_for(tasks, work) and names private memory. Which thread
/// runs which task is not defined, so a task's result must not depend on it. Denormals are flushed inside, and only there.
/// Tasks do not throw.
template <class Task>
void parallel_for(int64_t tasks, int64_t work, Task&& task) {
  using Callable = std::remove_reference_t<Task>;
  parallel_for_tasks(tasks, threads_for(tasks, work),
                     {const_cast<void*>(static_cast<const void*>(std::addressof(task))),
                      [](void* object, int64_t i, int thread) { (*static_cast<Callable*>(object))(i, thread); }});
}

}  // namespace cnncore
