// Who may use a network and its parameters at a time: any number that read, or one that changes them.
#pragma once

#include <vector>

#include "network/parameters_state.h"

namespace cnncore {

/// Holds a network's lock, and that of the parameters that other networks refer to as well. These are taken in the
/// order of their addresses, so that two networks cannot wait for each other.
template <bool kWrite>
class Access {
 public:
  Access(ReadWriteLock& network, const std::vector<Parameters*>& sorted) : network_(network) {
    kWrite ? network.lock() : network.lock_shared();
    for (Parameters* layer : sorted) {
      if (layer->state().networks <= 1) continue;
      ReadWriteLock& lock = layer->state().lock;
      kWrite ? lock.lock() : lock.lock_shared();
      held_.push_back(&lock);
    }
  }
  ~Access() {
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
