// The memory in which a network trains.
#pragma once

#include <memory>
#include <vector>

#include "run/slices.h"

namespace cnncore {

/// Shared by the training plans of a network, of which one runs at a time: nothing in it outlives a step. It grows to
/// the largest plan, and shrinks again where much more is held than the next plan needs.
class TrainingMemory {
 public:
  /// Makes room for a plan of `shards` shards. True where another user had the memory since the last call: pointers
  /// into it do not hold any longer.
  bool take(const void* user, const Plan& plan, int64_t shards);
  /// A user that ends.
  void leave(const void* user) {
    if (user_ == user) user_ = nullptr;
  }
  void reserve_threads(const Plan& plan, int threads);

  float* packed() const { return packed_.data(); }
  BatchMemory& batch() { return batch_; }
  ThreadMemory& thread(int i) { return *threads_[static_cast<size_t>(i)]; }
  int64_t bytes() const;

 private:
  const void* user_ = nullptr;
  Buffer<float> packed_;
  BatchMemory batch_;
  std::vector<std::unique_ptr<ThreadMemory>> threads_;
};

}  // namespace cnncore
