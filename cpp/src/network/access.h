// Locks of a network and its parameters. Any number of readers may hold them at the same time, or one writer.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "network/parameters_state.h"

namespace cnncore {

/// Holds the lock of a network. If it shares parameters with other networks, it holds the locks of all its parameters,
/// too. These are locked in the order of their addresses, so that two networks cannot wait for each other.
///
/// Locks that this thread holds already are left out, since it would wait for itself: a layer in Python that a network
/// has called may call networks with the same parameters, and read the network itself. But a writer throws
/// std::logic_error if this thread is inside a call of the same network, because that call needs its plans and memory.
template <bool kWrite>
class Access {
 public:
  /// `function` is the beginning of error messages, such as "[train_step] ".
  Access(const char* function, ReadWriteLock& network, const std::vector<Parameters*>& sorted)
      : network_(network), held_{&network, nullptr, held_by_this_thread} {
    if (kWrite && this_thread_holds(network))
      throw std::logic_error(std::string(function) +
                             "expected a network that is not in the middle of a call. Received: a network that has "
                             "itself called the layer or function from which this call comes");
    lock(network);
    // Only from here on, a network that begins to share parameters waits for this one (wait_for_sole_users).
    if (std::any_of(sorted.begin(), sorted.end(), [](const Parameters* p) { return p->state().networks > 1; })) {
      for (Parameters* layer : sorted) lock(layer->state().lock);
      held_.parameters = &sorted;
    }
    held_by_this_thread = &held_;
  }
  ~Access() {
    held_by_this_thread = held_.before;  // so that locks that were left out are left out here, too
    if (held_.parameters)
      for (Parameters* layer : *held_.parameters) unlock(layer->state().lock);
    unlock(network_);
  }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

 private:
  static void lock(ReadWriteLock& lock) {
    if (!this_thread_holds(lock)) kWrite ? lock.lock() : lock.lock_shared();
  }
  static void unlock(ReadWriteLock& lock) {
    if (!this_thread_holds(lock)) kWrite ? lock.unlock() : lock.unlock_shared();
  }

  ReadWriteLock& network_;
  HeldLocks held_;
};
using ReadAccess = Access<false>;
using WriteAccess = Access<true>;

}  // namespace cnncore
