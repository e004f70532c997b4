#include "runtime/threads.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

#include "cnncore/runtime.h"
#include "cnncore/version.h"
#include "runtime/check.h"
#include "runtime/crew.h"
#include "runtime/dispatch.h"
#include "runtime/first_exception.h"
#include "runtime/team.h"
#include "runtime/waiting.h"

namespace cnncore {
namespace {

constexpr int kMaxThreads = 1024;
// In floating-point operations: about ten microseconds of a core, or one if the other threads are waiting for a loop.
[[maybe_unused]] constexpr int64_t kWorthThreads = 1 << 20, kWorthCrew = 1 << 17;
std::atomic<int> chosen_threads{0};  // 0 means the default

// The time until which loops have one thread. A loop ends when its last thread has done its last task. If other
// programs use the cores, that thread may wait for a core for milliseconds, though its work takes microseconds. After
// such a wait, the thread that called works alone for twenty times as long as it has waited, but for at most ten
// seconds. So waiting takes at most a twentieth of the time. The results have the same bits, because they do not depend
// on the number of threads.
std::atomic<Clock::rep> alone_until{std::numeric_limits<Clock::rep>::min()};

bool may_share() { return Clock::now().time_since_epoch().count() >= alone_until; }

int affinity_threads() {
#if defined(__linux__)
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
    int count = std::max(1, CPU_COUNT(&cpus));
#if defined(_OPENMP)
    // OMP_PROC_BIND and OMP_PLACES bind the first thread to a part of the processors. OpenMP knows about the others.
    if (omp_get_proc_bind() != omp_proc_bind_false) count = std::max(count, omp_get_num_procs());
#endif
    return count;
  }
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// The CPU quota of the cgroup in whole CPUs, or kMaxThreads if there is none.
int quota_threads() {
  std::string quota;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period) {
    if (quota == "max") return kMaxThreads;
  } else {
    std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(v1_quota >> quota && v1_period >> period)) return kMaxThreads;
  }
  const double cpus = std::atof(quota.c_str()) / period;
  return cpus > 0 ? std::max(1, static_cast<int>(std::ceil(cpus))) : kMaxThreads;
}

}  // namespace

void note_loop(Clock::time_point begin, Clock::time_point end, Clock::duration busy) {
  constexpr Clock::duration kUsual = std::chrono::microseconds(100), kMost = std::chrono::milliseconds(500);
  const Clock::duration waited = end - begin - busy;
  if (waited > kUsual + busy) alone_until = (end + 20 * std::min(waited, kMost)).time_since_epoch().count();
}

int default_num_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS"); text && *text) {
    const int threads = std::atoi(text);  // the first number of a list, which OpenMP uses for the outermost level
    if (threads > 0) return std::min(threads, kMaxThreads);
  }
  static const int threads = std::min({affinity_threads(), quota_threads(), kMaxThreads});
  return threads;
}

int num_threads() {
  const int threads = chosen_threads;
  return threads > 0 ? threads : default_num_threads();
}

void set_num_threads(int threads) {
  check(threads >= 1 && threads <= kMaxThreads, "[set_num_threads] expected 1 to ", kMaxThreads,
        " threads. Received: ", threads);
  chosen_threads = threads;
}

std::map<std::string, std::string> build_info() {
  std::string names;
  for (const std::string& name : available_isas()) names += (names.empty() ? "" : ", ") + name;
  return {
      {"version", version},
#if defined(__clang__)
      {"compiler", "Clang " __clang_version__},
#else
      {"compiler", "GCC " __VERSION__},
#endif
#if defined(_OPENMP)
      {"openmp", std::to_string(_OPENMP)},
#else
      {"openmp", "no"},
#endif
      {"isas", names},
  };
}

int most_threads_for(int64_t tasks, int64_t work) {
#if defined(_OPENMP)
  if (tasks > 1 && work >= (crew_waits() ? kWorthCrew : kWorthThreads)) return threads_that_start(num_threads());
#endif
  (void)tasks, (void)work;
  return 1;
}

int threads_for(int64_t tasks, int64_t work) {
  const int most = most_threads_for(tasks, work);
  return most > 1 && may_share() ? most : 1;
}

namespace {

// A barrier for the threads of a region. OpenMP's own barrier takes longer than some stages.
class Meeting {
 public:
  explicit Meeting(std::atomic<int64_t>& arrived) : arrived_(arrived) {}
  void wait(int parts) {
    due_ += parts;
    arrived_.fetch_add(1, std::memory_order_acq_rel);
    waited_ += wait_until([&] { return arrived_.load(std::memory_order_acquire) >= due_; });
  }
  // From now on, nobody waits at any meeting. It may be called by each of kMaxThreads threads.
  void leave() { arrived_.fetch_add(int64_t{1} << 50, std::memory_order_acq_rel); }
  Clock::duration waited() const { return waited_; }

 private:
  std::atomic<int64_t>& arrived_;  // how often a thread has arrived, counted over all threads and all meetings
  int64_t due_ = 0;
  Clock::duration waited_{};
};

}  // namespace

void parallel_stages_of(int threads, int64_t stages, StageRef stage) {
  const Kernels& k = kernels();
#if defined(_OPENMP)
  if (threads > 1) {
    const Clock::time_point begin = Clock::now();
    Clock::duration busy{};
    std::atomic<int64_t> arrived{0};
    FirstException thrown;
    with_team([&] {
#pragma omp parallel num_threads(threads)
      {
        const int part = omp_get_thread_num(), parts = omp_get_num_threads();
        const uint32_t saved = k.flush_denormals();
        Meeting meeting(arrived);
        bool failed = false;
        for (int64_t s = 0; s < stages && !failed; ++s) {
          bool meet = false;
          failed = !thrown.guard([&] { meet = stage.call(stage.object, s, part, parts); });
          if (failed) meeting.leave();
          if (meet) meeting.wait(parts), failed = thrown.taken();
        }
        k.restore_denormals(saved);
        if (part == 0) busy = Clock::now() - begin - meeting.waited();
      }
    });
    note_loop(begin, Clock::now(), busy);
    return thrown.rethrow();
  }
#endif
  (void)threads;
  const uint32_t saved = k.flush_denormals();
  FirstException thrown;
  thrown.guard([&] {
    for (int64_t s = 0; s < stages; ++s) stage.call(stage.object, s, 0, 1);
  });
  k.restore_denormals(saved);
  thrown.rethrow();
}

void parallel_for_tasks(int64_t tasks, int threads, TaskRef task) {
  const Kernels& k = kernels();
#if defined(_OPENMP)
  if (threads > 1 && crew_waits()) return run_on_crew(tasks, threads, task);
  if (threads > 1) {
    const Clock::time_point begin = Clock::now();
    Clock::duration busy{};
    FirstException thrown;
    with_team([&] {
#pragma omp parallel num_threads(threads)
      {
        const int thread = omp_get_thread_num();
        const Clock::time_point entry = Clock::now();
        const uint32_t saved = k.flush_denormals();
#pragma omp for schedule(dynamic, 1) nowait
        for (int64_t i = 0; i < tasks; ++i) thrown.guard([&] { task.call(task.object, i, thread); });
        k.restore_denormals(saved);
        if (thread == 0) busy = Clock::now() - entry;
      }
    });
    note_loop(begin, Clock::now(), busy);
    return thrown.rethrow();
  }
#endif
  (void)threads;
  const uint32_t saved = k.flush_denormals();
  FirstException thrown;
  for (int64_t i = 0; i < tasks; ++i) thrown.guard([&] { task.call(task.object, i, 0); });
  k.restore_denormals(saved);
  thrown.rethrow();
}

}  // namespace cnncore
