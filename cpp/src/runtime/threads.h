// Threads: parallel loops over independent tasks.
#pragma once

#include <cstdint>
#include <memory>

namespace cnncore {

/// The number of threads that a loop over `tasks` tasks will use, which have `work` floating-point operations together.
/// It is 1 if there is little work, because waking a second thread can take longer than the work itself. It is also 1
/// for a while after a loop has had to wait for a thread that got no core. Otherwise it is the number of all threads,
/// because OpenMP ends and creates threads when this number changes.
int threads_for(int64_t tasks, int64_t work);

/// The largest number that threads_for can return for such a loop. It is for memory that is allocated once.
int most_threads_for(int64_t tasks, int64_t work);

/// A reference to something that can be called. (A std::function may allocate memory, and a training step must not.)
struct TaskRef {
  void* object;
  void (*call)(void* object, int64_t task, int thread);
};
void parallel_for_tasks(int64_t tasks, int threads, TaskRef task);

/// Calls task(i, thread) for all i < tasks. `thread` is the number of the thread, from 0 to threads - 1, for memory
/// that each thread has for itself. Which thread runs which task is not defined, and the result of a task must not
/// depend on it. Tasks treat denormal numbers as zero. If tasks throw exceptions, all other tasks still run, and then
/// the first exception is thrown again.
template <class Task>
void parallel_for_on(int threads, int64_t tasks, Task&& task) {
  using Callable = std::remove_reference_t<Task>;
  parallel_for_tasks(tasks, threads,
                     {const_cast<void*>(static_cast<const void*>(std::addressof(task))),
                      [](void* object, int64_t i, int thread) { (*static_cast<Callable*>(object))(i, thread); }});
}

/// For work of microseconds that is done in stages. Calls stage(s, part, parts) for all s < stages and all parts. A
/// part has the same thread in every stage, so that its data stays in the caches of that core. If a stage returns true,
/// all of its parts are completed before the next stage begins; all parts must return the same. There may be fewer
/// parts than `threads`. If a part throws an exception, the stages after the next wait are left out, and then the first
/// exception is thrown again.
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

/// parallel_for_on with the number of threads that threads_for returns.
template <class Task>
void parallel_for(int64_t tasks, int64_t work, Task&& task) {
  parallel_for_on(threads_for(tasks, work), tasks, task);
}

}  // namespace cnncore
