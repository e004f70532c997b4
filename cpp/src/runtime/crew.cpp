#include "runtime/crew.h"

#include <atomic>
#include <span>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "runtime/dispatch.h"
#include "runtime/first_exception.h"
#include "runtime/waiting.h"

namespace cnncore {

#if defined(_OPENMP)
namespace {

// What each thread takes its tasks from. Every thread has its own tasks, in the order of their numbers, so that the
// same thread gets the same part of the data in every loop, and finds it in the caches of its core. A thread that has
// done its own tasks takes those of others.
struct alignas(64) Cursor {
  std::atomic<int64_t> left{0};  // tasks that nobody has taken yet
};

class Crew {
 public:
  explicit Crew(std::span<Cursor> cursors) : cursors_(cursors) {}
  // The calling thread: runs a loop, together with the threads that serve.
  void run(int64_t tasks, int threads, TaskRef task);
  // The other threads: take tasks of loops until the crew is dismissed.
  void serve(int thread);
  void dismiss() { loops_.store(-1, std::memory_order_release); }
  void size(int threads) { size_ = threads; }

 private:
  void work(int thread);
  void take_tasks(int owner, int thread);

  // Only a thread that has taken a task reads the loop. The loop does not change until that task is done.
  struct Loop {
    int64_t tasks;
    TaskRef task;
    FirstException* thrown;
    int64_t begin(int owner, int threads) const { return tasks * owner / threads; }
  };
  Loop loop_{};
  int size_ = 1;
  std::span<Cursor> cursors_;                  // one for each thread
  alignas(64) std::atomic<int64_t> loops_{0};  // how many loops there were, or -1 after the last one
  alignas(64) std::atomic<int64_t> done_{0};   // how many tasks of the loop are done
};

thread_local Crew* waiting_crew = nullptr;  // the crew of this thread, between two loops
thread_local bool has_crew = false;         // this thread has a crew, which may be running a loop

void Crew::take_tasks(int owner, int thread) {
  std::atomic<int64_t>& cursor = cursors_[static_cast<size_t>(owner)].left;
  int64_t left = cursor.load(std::memory_order_acquire);
  while (left > 0) {
    if (!cursor.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    const int64_t task = loop_.begin(owner + 1, size_) - left;
    loop_.thrown->guard([&] { loop_.task.call(loop_.task.object, task, thread); });
    done_.fetch_add(1, std::memory_order_acq_rel);
    left = cursor.load(std::memory_order_acquire);
  }
}

void Crew::work(int thread) {
  const int threads = static_cast<int>(cursors_.size());
  for (int i = 0; i < threads; ++i) take_tasks((thread + i) % threads, thread);
}

void Crew::serve(int thread) {
  for (int64_t seen = 0, loops; (loops = loops_.load(std::memory_order_acquire)) >= 0; seen = loops) {
    if (loops != seen) work(thread);
    wait_until([&] { return loops_.load(std::memory_order_acquire) != loops; });
  }
}

void Crew::run(int64_t tasks, int threads, TaskRef task) {
  const Kernels& k = kernels();
  FirstException thrown;
  const Clock::time_point begin = Clock::now();
  const uint32_t saved = k.flush_denormals();
  waiting_crew = nullptr;  // a loop within a task must not wait for this crew
  if (size_ > threads) {
    for (int64_t i = 0; i < tasks; ++i) thrown.guard([&] { task.call(task.object, i, 0); });
  } else {
    loop_ = {tasks, task, &thrown};
    done_.store(0, std::memory_order_relaxed);
    for (int owner = 0; owner < size_; ++owner)
      cursors_[static_cast<size_t>(owner)].left.store(loop_.begin(owner + 1, size_) - loop_.begin(owner, size_),
                                                      std::memory_order_release);
    loops_.fetch_add(1, std::memory_order_acq_rel);
    work(0);
    const Clock::time_point worked = Clock::now();
    wait_until([&] { return done_.load(std::memory_order_acquire) == tasks; });
    note_loop(begin, Clock::now(), worked - begin);
  }
  waiting_crew = this;
  k.restore_denormals(saved);
  thrown.rethrow();
}

// Memory for the cursors of a crew. It is allocated when this thread has a crew of this size or a larger one for the
// first time, since a training step must not allocate any. After a loop, all cursors are zero.
std::span<Cursor> cursors_of_this_thread(int threads) {
  thread_local std::vector<Cursor> cursors;
  const auto count = static_cast<size_t>(threads);
  if (cursors.size() < count) cursors = std::vector<Cursor>(count);
  return {cursors.data(), count};
}

}  // namespace

void with_crew_of(int threads, RegionRef f) {
  if (threads <= 1 || has_crew || has_lost_team()) return f.call(f.object);
  Crew crew(cursors_of_this_thread(threads));
  FirstException thrown;
  Clock::time_point dismissed;
#pragma omp parallel num_threads(threads)
  {
    if (const int thread = omp_get_thread_num(); thread > 0) {
      const Kernels& k = kernels();
      const uint32_t saved = k.flush_denormals();
      crew.serve(thread);
      k.restore_denormals(saved);
    } else {
      crew.size(omp_get_num_threads());
      waiting_crew = &crew, has_crew = true;
      thrown.guard([&] { f.call(f.object); });
      waiting_crew = nullptr, has_crew = false;
      crew.dismiss();
      dismissed = Clock::now();
    }
  }
  // The region ends when all threads have got a core.
  note_loop(dismissed, Clock::now(), {});
  thrown.rethrow();
}

bool crew_waits() { return waiting_crew != nullptr; }
void run_on_crew(int64_t tasks, int threads, TaskRef task) { waiting_crew->run(tasks, threads, task); }

#else
void with_crew_of(int, RegionRef f) { f.call(f.object); }
bool crew_waits() { return false; }
void run_on_crew(int64_t, int, TaskRef) {}
#endif

}  // namespace cnncore
