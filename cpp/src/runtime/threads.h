// Threads: one parallel loop over independent tasks.
#pragma once

#include <cstdint>
#include <memory>

namespace cnncore {

/// Threads that a loop over `tasks` tasks of `work` floating-point operations in all will use. Work that would not keep
/// a second thread busy for some microseconds stays on the caller's: waking a thread can cost more, and on a busy
/// machine much more. Nor does a second thread help while the machine has no core for it: after a region that had to
/// wait for one, the caller works alone for a while. Otherwise it is all threads: a team that changes its size makes
/// OpenMP end threads and create them again.
int threads_for(int64_t tasks, int64_t work);

/// The most that threads_for will return for this loop, for memory that is kept.
int most_threads_for(int64_t tasks, int64_t work);

/// A reference to a callable (std::function may allocate, and a training step must not).
struct TaskRef {
  void* object;
  void (*call)(void* object, int64_t task, int thread);
};
void parallel_for_tasks(int64_t tasks, int threads, TaskRef task);

/// Calls task(i, thread) for i < tasks; `thread` counts from 0 below `threads` and names private memory. Which thread
/// runs which task is not defined, so a task's result must not depend on it. Denormals are flushed inside, and only
/// there. Where tasks throw, the others run all the same and the first exception is rethrown.
template <class Task>
void parallel_for_on(int threads, int64_t tasks, Task&& task) {
  using Callable = std::remove_reference_t<Task>;
  parallel_for_tasks(tasks, threads,
                     {const_cast<void*>(static_cast<const void*>(std::addressof(task))),
                      [](void* object, int64_t i, int thread) { (*static_cast<Callable*>(object))(i, thread); }});
}

/// Work in stages, for loops of microseconds: calls stage(s, part, parts) for s < stages, a part of every stage on the
/// same thread, so that what it reads stays in that core's caches. Where a stage returns true, all its parts are done
/// before the next begins; all parts must return the same. There may be fewer parts than `threads`.
struct StageRef {
  void* object;
  bool (*call)(void* object, int64_t stage, int part, int parts);
};
void parallel_stages_of(int threads, int64_t stages, StageRef stage);
template <class Stage>
void parallel_stages(int threads, int64_t stages, Stage&& stage) {
  using Callable = std::remove_reference_t<Stage>;
  parallel_stages_of(threads, stages,
                     {const_cast<void*>(static_cast<const void*>(std::addressof(stage))),
                      [](void* object, int64_t s, int part, int parts) -> bool {
                        return (*static_cast<Callable*>(object))(s, part, parts);
                      }});
}

/// parallel_for_on, on as many threads as the work deserves.
template <class Task>
void parallel_for(int64_t tasks, int64_t work, Task&& task) {
  parallel_for_on(threads_for(tasks, work), tasks, task);
}

}  // namespace cnncore
