// Sharing work between threads, and pausing that for a while if the machine has no free core for them.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "cnncore/runtime.h"
#include "runtime/crew.h"
#include "runtime/threads.h"

using namespace cnncore;

namespace {

constexpr int64_t kMuchWork = int64_t{1} << 40;
using Clock = std::chrono::steady_clock;

struct TwoThreads {
  int before = num_threads();
  TwoThreads() { set_num_threads(2); }
  ~TwoThreads() { set_num_threads(before); }
};

// Waits until threads may be used: at once, or after a pause. Returns false if that takes longer than `patience`.
bool may_share_within(std::chrono::seconds patience) {
  for (const auto begin = Clock::now(); Clock::now() - begin < patience;
       std::this_thread::sleep_for(std::chrono::milliseconds(10)))
    if (threads_for(2, kMuchWork) == 2) return true;
  return false;
}

}  // namespace

TEST_CASE("small work and single tasks stay on the caller's thread") {
  const TwoThreads two;
  CHECK(threads_for(2, 1000) == 1);
  CHECK(threads_for(1, kMuchWork) == 1);
}

TEST_CASE("every task runs once") {
  const TwoThreads two;
  for (const int threads : {1, 2}) {
    std::vector<std::atomic<int>> runs(1000);
    parallel_for_on(threads, 1000, [&](int64_t i, int thread) {
      if (thread >= 0 && thread < threads) ++runs[static_cast<size_t>(i)];
    });
    CHECK(std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n == 1; }));
  }
}

TEST_CASE("every task of the loops of a crew runs once, and none of the next loop before") {
  const TwoThreads two;
  for (const int threads : {1, 2, 3, 8}) {
    for (int repeat = 0; repeat < 100; ++repeat) {
      int64_t wrong = 0;
      with_crew(threads, [&] {
        CHECK(crew_waits() == (threads > 1 && build_info().at("openmp") != "no"));
        for (const int64_t tasks : {0, 1, 2, 3, 7, 64, 5, 1000}) {
          std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
          std::atomic<int> outside{0};
          parallel_for_on(threads, tasks, [&](int64_t i, int thread) {
            outside += thread < 0 || thread >= threads || i < 0 || i >= tasks;
            ++runs[static_cast<size_t>(i)];
          });
          wrong += outside + std::count_if(runs.begin(), runs.end(), [](const auto& n) { return n != 1; });
        }
      });
      CHECK(wrong == 0);
      CHECK(!crew_waits());
    }
  }
}

TEST_CASE("a loop of fewer threads than a crew has, a loop within a task, and a crew within a crew") {
  const TwoThreads two;
  std::atomic<int> runs{0}, others{0};
  const auto count = [&](int64_t, int thread) { ++runs, others += thread > 0; };
  with_crew(3, [&] {
    parallel_for_on(2, 10, count);
    CHECK(others == 0);
    parallel_for_on(3, 4, [&](int64_t, int) { parallel_for_on(3, 5, count); });
    with_crew(3, [&] { parallel_for_on(3, 10, count); });
    parallel_for_on(3, 1, [&](int64_t, int) { with_crew(2, [&] { parallel_for_on(2, 10, count); }); });
    parallel_for_on(3, 10, count);
  });
  CHECK(runs == 60);
}

TEST_CASE("exceptions of tasks and between the loops of a crew reach the caller, and the crew works on") {
  const TwoThreads two;
  for (int repeat = 0; repeat < 100; ++repeat) {
    std::atomic<int> runs{0};
    const auto all = [&] {
      CHECK_THROWS_WITH(parallel_for_on(2, 20,
                                        [&](int64_t i, int) {
                                          ++runs;
                                          if (i % 7 == 3) throw std::runtime_error("task");
                                        }),
                        "task");
      parallel_for_on(2, 20, [&](int64_t, int) { ++runs; });
      throw std::runtime_error("between loops");
    };
    CHECK_THROWS_WITH(with_crew(2, all), "between loops");
    CHECK(runs == 40);
  }
}

TEST_CASE("all parts of a stage are done before the next begins") {
  const TwoThreads two;
  for (const int threads : {1, 2}) {
    for (int repeat = 0; repeat < 200; ++repeat) {
      constexpr int64_t stages = 20;
      std::vector<std::atomic<int>> done(stages);
      std::atomic<int> wrong{0};
      std::vector<std::thread::id> thread_of(2);
      parallel_stages(threads, stages, [&](int64_t s, int part, int parts) {
        if (s > 0 && done[static_cast<size_t>(s - 1)] != parts) ++wrong;
        if (s == 0) thread_of[static_cast<size_t>(part)] = std::this_thread::get_id();
        if (thread_of[static_cast<size_t>(part)] != std::this_thread::get_id()) ++wrong;
        ++done[static_cast<size_t>(s)];
        return true;
      });
      CHECK(wrong == 0);
      CHECK(std::all_of(done.begin(), done.end(), [&](const auto& n) { return n == done[0]; }));
    }
  }
}

TEST_CASE("an exception of a stage reaches the caller, and no later stage runs on its results") {
  const TwoThreads two;
  for (const int threads : {1, 2}) {
    for (int repeat = 0; repeat < 100; ++repeat) {
      for (const int thrower : {0, 1, -1}) {  // -1: every part throws
        std::atomic<int> later{0};
        const auto stage = [&](int64_t s, int part, int parts) {
          if (s > 2) ++later;
          if (s == 2 && (thrower < 0 || thrower % parts == part)) throw std::runtime_error("stage 2");
          return s % 2 == 0;
        };
        CHECK_THROWS_WITH(parallel_stages(threads, 20, stage), "stage 2");
        CHECK(later == 0);
      }
    }
  }
}

TEST_CASE("a caller that waited long for another thread works alone for a while") {
  if (build_info().at("openmp") == "no") {
    MESSAGE("skipped: this build has no threads");
    return;
  }
  const TwoThreads two;
  REQUIRE(may_share_within(std::chrono::seconds(120)));
  std::atomic<bool> begun{false};
  const auto begin = Clock::now();
  parallel_for_on(2, 2, [&](int64_t, int thread) {
    if (thread == 1) {  // a thread that keeps the caller waiting much longer than the caller worked
      const auto late = Clock::now() - begin;
      begun = true;
      std::this_thread::sleep_for(std::max<Clock::duration>(std::chrono::milliseconds(20), 4 * late));
    }
    while (!begun) std::this_thread::yield();
  });
  CHECK(threads_for(2, kMuchWork) == 1);
  CHECK(may_share_within(std::chrono::seconds(120)));
}
