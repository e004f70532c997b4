// Locks of a network and its parameters. Any number of readers may hold them at the same time, or one writer.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "network/parameters_state.h"

namespace cnncore {

/// Holds the lock of a network, and the locks of parameters that it shares with other networks. These are locked in the
/// order of their addresses, so that two networks cannot wait for each other.
///
/// Locks that this thread holds already are left out, since it would wait for itself: a layer in Python that a network
/// has called may call networks with the same parameters, and read the network itself. But a writer throws
/// std::logic_error if this thread is inside a call of the same network, because that call needs its plans and memory.
template <bool kWrite>
class Access {
 public:
  /// `function` is the beginning of error messages, such as "[train_step] ".
  Access(const char* function, ReadWriteLock& network, const std::vector<Parameters*>& sorted)
      : begin_(held_by_this_thread.size()) {
    if (kWrite && this_thread_holds(network))
      throw std::logic_error(std::string(function) +
                             "expected a network that is not in the middle of a call. Received: a network that has "
                             "itself called the layer or function from which this call comes");
    held_by_this_thread.reserve(begin_ + sorted.size() + 1);  // so that nothing throws while locks are held
    take(network);
    for (const Parameters* layer : sorted)
      if (layer->state().networks > 1) take(layer->state().lock);
  }
  ~Access() {
    for (; held_by_this_thread.size() > begin_; held_by_this_thread.pop_back()) {
      ReadWriteLock& lock = *held_by_this_thread.back();
      kWrite ? lock.unlock() : lock.unlock_shared();
    }
  }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

 private:
  static void take(ReadWriteLock& lock) {
    if (this_thread_holds(lock)) return;
    kWrite ? lock.lock() : lock.lock_shared();
    held_by_this_thread.push_back(&lock);
  }

  size_t begin_;  // the locks from this one on belong to this object
};
using ReadAccess = Access<false>;
using WriteAccess = Access<true>;

}  // namespace cnncore
