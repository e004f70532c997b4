#include "runtime/team.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <link.h>
#include <pthread.h>
#endif

namespace cnncore {
namespace {

// Whether the thread has lost its team of OpenMP threads by a fork. These threads do not exist in the child, but OpenMP
// does not notice that, and the next parallel region would wait for them for ever. So in a child, such a thread lets a
// new thread, which gets a team of its own, run its regions. It does not matter which library has used OpenMP before
// the fork, because all of them share it. If this library is loaded after the fork, it cannot know whether there were
// threads before, and assumes so if the library of OpenMP had been loaded before.
thread_local bool team_lost = false;

// A thread that runs the parallel regions of another thread.
class Deputy {
 public:
  Deputy() {
    std::thread([this] { serve(); }).detach();
  }
  template <class Function>
  void run(Function f) {
    std::exception_ptr thrown;
    std::function<void()> guarded = [&] {
      try {
        f();
      } catch (...) {
        thrown = std::current_exception();
      }
    };
    std::unique_lock lock(mutex_);
    task_ = &guarded;
    changed_.notify_all();
    changed_.wait(lock, [&] { return task_ == nullptr; });
    if (thrown) std::rethrow_exception(thrown);
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return task_ != nullptr; });
      (*task_)();
      task_ = nullptr;
      changed_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()>* task_ = nullptr;
};

thread_local Deputy* deputy = nullptr;  // it is never deleted, because its thread waits until the process ends

#if defined(__linux__) && defined(_OPENMP)
// The flags of this process, which are the seventh field after the name of the program.
int64_t process_flags() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 2)));
  std::string word;
  for (int i = 0; i < 7; ++i) fields >> word;
  return fields ? std::atoll(word.c_str()) : 0;
}

struct Loaded {
  int count = 0, own = -1, openmp = -1;  // positions in the order in which libraries were loaded
};

int note_library(dl_phdr_info* info, size_t, void* data) {
  Loaded& loaded = *static_cast<Loaded*>(data);
  const auto here = reinterpret_cast<ElfW(Addr)>(&note_library);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) & part = info->dlpi_phdr[i];
    const ElfW(Addr) begin = info->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && here >= begin && here < begin + part.p_memsz) loaded.own = loaded.count;
  }
  const std::string path = info->dlpi_name, name = path.substr(path.rfind('/') + 1);
  const bool openmp = name.find("gomp") != name.npos || name.find("iomp") != name.npos || name.rfind("libomp", 0) == 0;
  if (openmp && loaded.openmp < 0) loaded.openmp = loaded.count;
  return ++loaded.count, 0;
}

bool team_may_be_lost_already() {
  constexpr int64_t kForkedWithoutExec = 0x40;
  if (!(process_flags() & kForkedWithoutExec)) return false;
  Loaded loaded;
  dl_iterate_phdr(note_library, &loaded);
  return loaded.openmp >= 0 && loaded.openmp < loaded.own;
}

[[maybe_unused]] const bool watches_forks = [] {
  team_lost = team_may_be_lost_already();
  return pthread_atfork(nullptr, nullptr, [] { team_lost = true, deputy = nullptr; }) == 0;
}();
#endif

}  // namespace

bool has_lost_team() { return team_lost; }

void run_with_team(RegionRef region) {
  if (!team_lost) return region.call(region.object);
  if (!deputy) deputy = new Deputy;
  deputy->run([&] { region.call(region.object); });
}

#if defined(__linux__) && defined(_OPENMP)
int threads_that_start(int wanted) {
  thread_local int known = 1, tried = 1;
  if (wanted <= tried) return std::min(wanted, known);
  std::vector<pthread_t> started(static_cast<size_t>(wanted - 1));
  std::mutex gate;
  int count = 0;
  {
    const std::lock_guard hold(gate);  // no thread ends before all have started
    const auto wait = [](void* mutex) -> void* {
      const std::lock_guard pass(*static_cast<std::mutex*>(mutex));
      return nullptr;
    };
    while (count < wanted - 1 && pthread_create(&started[static_cast<size_t>(count)], nullptr, wait, &gate) == 0)
      ++count;
  }
  for (int i = 0; i < count; ++i) pthread_join(started[static_cast<size_t>(i)], nullptr);
  tried = wanted;
  // If there were too many, only half of those that started are used, which leaves memory for other things.
  known = count == wanted - 1 ? wanted : std::max(1, count / 2);
  return std::min(wanted, known);
}
#else
int threads_that_start(int wanted) { return wanted; }
#endif

}  // namespace cnncore
