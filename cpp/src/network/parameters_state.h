// The values of the Parameters of a layer, and what networks must know to use them.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "cnncore/network.h"
#include "runtime/buffer.h"
#include "runtime/read_write_lock.h"

namespace cnncore {

struct Parameters::State {
  std::vector<Shape> shapes;
  std::vector<int64_t> offsets;  // the offsets of the arrays, in floats
  Buffer<float> values;
  std::atomic<int64_t> version{0};   // grows whenever the values may have changed
  std::atomic<int64_t> loans{0};     // how many loans there are, whose owners may write at any time
  std::atomic<int64_t> networks{0};  // how many networks use them
  mutable ReadWriteLock lock;        // used by read() and write(), and by networks that share them

  // The locks of these networks. read() and write() wait for them while the networks compute.
  using NetworkLock = std::shared_ptr<ReadWriteLock>;
  mutable std::mutex registering;
  std::vector<NetworkLock> network_locks;

  void add_network(const NetworkLock& network) {
    const std::lock_guard guard(registering);
    network_locks.push_back(network), ++networks;
  }
  void remove_network(const NetworkLock& network) {
    const std::lock_guard guard(registering);
    network_locks.erase(std::find(network_locks.begin(), network_locks.end(), network)), --networks;
  }

  float* array(size_t i) { return values.data() + offsets[i]; }
  int64_t size(size_t i) const { return element_count(shapes[i]); }
};

/// Called when a network has been added. Waits for running calls of networks that share these parameters. A call of the
/// network that was the only one to use them holds no lock of the parameters; all later calls do. Several networks may
/// be added at a time, and each of them waits. `sorted` is in order of addresses.
void wait_for_sole_users(const std::vector<Parameters*>& sorted);

/// The locks that a call of a network holds. Those of the calls of a thread are in a list, from the last call to the
/// first: a layer in Python that is called by a network may itself call networks, and read and write weights.
struct HeldLocks {
  const ReadWriteLock* network;
  const std::vector<Parameters*>* parameters;  // whose locks are held as well, or null
  const HeldLocks* before;
};
inline constinit thread_local const HeldLocks* held_by_this_thread = nullptr;

inline bool this_thread_holds(const ReadWriteLock& lock) {
  const auto is_lock_of = [&](const Parameters* layer) { return &layer->state().lock == &lock; };
  for (const HeldLocks* held = held_by_this_thread; held; held = held->before) {
    if (held->network == &lock) return true;
    if (held->parameters && std::any_of(held->parameters->begin(), held->parameters->end(), is_lock_of)) return true;
  }
  return false;
}

}  // namespace cnncore
