// A lock for many readers or one writer. They get it in the order in which they ask. With std::shared_mutex, readers
// that keep coming can make a writer wait for ever.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace cnncore {

class ReadWriteLock {
 public:
  void lock() {
    const std::lock_guard turn(turn_);
    access_.lock();
  }
  void unlock() { access_.unlock(); }
  void lock_shared() {
    const std::lock_guard turn(turn_);
    access_.lock_shared();
  }
  void unlock_shared() { access_.unlock_shared(); }

 private:
  std::mutex turn_;
  std::shared_mutex access_;
};

}  // namespace cnncore
