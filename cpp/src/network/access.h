// Locks of a network and its parameters. Any number of readers may hold them at the same time, or one writer.
#pragma once

#include <algorithm>
#include <vector>

#include "network/parameters_state.h"

namespace cnncore {

/// Holds the lock of a network, and the locks of parameters that it shares with other networks. These are locked in the
/// order of their addresses, so that two networks cannot wait for each other. Locks that this thread holds already are
/// left out: a layer in Python that a network has called may itself call networks with the same parameters.
template <bool kWrite>
class Access {
 public:
  Access(ReadWriteLock& network, const std::vector<Parameters*>& sorted) : network_(network) {
    kWrite ? network.lock() : network.lock_shared();
    held_by_this_thread.push_back(&network);
    for (Parameters* layer : sorted) {
      if (layer->state().networks <= 1) continue;
      ReadWriteLock& lock = layer->state().lock;
      const auto& held = held_by_this_thread;
      if (std::find(held.begin(), held.end(), &lock) != held.end()) continue;
      kWrite ? lock.lock() : lock.lock_shared();
      held_.push_back(&lock);
      held_by_this_thread.push_back(&lock);
    }
  }
  ~Access() {
    held_by_this_thread.resize(held_by_this_thread.size() - held_.size() - 1);
    for (ReadWriteLock* lock : held_) kWrite ? lock->unlock() : lock->unlock_shared();
    kWrite ? network_.unlock() : network_.unlock_shared();
  }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

 private:
  ReadWriteLock& network_;
  std::vector<ReadWriteLock*> held_;
};
using ReadAccess = Access<false>;
using WriteAccess = Access<true>;

}  // namespace cnncore
