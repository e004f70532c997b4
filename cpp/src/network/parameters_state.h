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

/// The locks of networks that this thread holds: a layer in Python that is called by a network may read and write its
/// weights.
inline thread_local std::vector<ReadWriteLock*> held_by_this_thread;
inline bool this_thread_holds(const ReadWriteLock& lock) {
  const auto& held = held_by_this_thread;
  return std::find(held.begin(), held.end(), &lock) != held.end();
}

}  // namespace cnncore
