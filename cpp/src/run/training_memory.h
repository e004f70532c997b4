// The memory in which a network trains.
#pragma once

#include <memory>
#include <vector>

#include "run/slices.h"

namespace cnncore {

/// The training plans of a network share this memory. Only one of them runs at a time, and nothing in it is needed
/// after a step. It grows to the size that the largest plan needs, and becomes smaller again if it is much larger than
/// what the next plan needs.
class TrainingMemory {
 public:
  /// Makes the memory large enough for a plan with `shards` shards. Returns true if another user has had the memory
  /// since the last call, so that pointers into it are no longer valid.
  bool take(const void* user, const Plan& plan, int64_t shards);
  /// Says that a user does not exist any longer.
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
