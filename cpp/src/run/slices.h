// The steps of a plan on a slice of samples, in the memory of one thread.
#pragma once

#include <vector>

#include "cnncore/network.h"
#include "ops/shards.h"
#include "plan/plan.h"
#include "runtime/buffer.h"
#include "runtime/interrupt.h"

namespace cnncore {

/// Makes a buffer that is too small larger; what was in it is lost.
template <class T>
void reserve(Buffer<T>& buffer, int64_t count) {
  if (buffer.size() >= count) return;
  buffer = {};  // before the new memory is taken
  buffer = Buffer<T>(count);
}

/// What each thread has for itself.
struct ThreadMemory {
  ThreadMemory() = default;
  explicit ThreadMemory(const Plan& plan) { reserve(plan); }
  void reserve(const Plan& plan);
  Buffer<float> floats, scratch, added;
  Buffer<uint8_t> saved;
  std::vector<const float*> x;  // of the step that runs
  std::vector<float*> dx, sum;
  int64_t bytes() const;
};

/// What all threads see: tensors of the whole batch, sums of shards, repacked parameters.
struct BatchMemory {
  BatchMemory() = default;
  BatchMemory(const Plan& plan, int64_t shards) { reserve(plan, shards); }
  void reserve(const Plan& plan, int64_t shards);
  Buffer<float> floats, partials;
  Buffer<uint8_t> saved;
  int64_t bytes() const;
};

/// Samples [first, first + count) of the batch.
struct SliceOf {
  int64_t first, count;
  int64_t shard = 0;
  int64_t training_step = 0;
  bool first_of_shard = false;
};

class Slices {
 public:
  Slices(const Plan& plan, ThreadMemory& thread, BatchMemory& batch, const float* packed)
      : plan_(plan), thread_(thread), batch_(batch), packed_(packed) {}

  /// Leaves steps out once `watch` says so; what is computed is of no use then.
  void watch(InterruptWatch& watch, int thread) { watch_ = WorkWatch(watch, thread); }

  float* value(int tensor, int64_t first) const { return at(plan_.tensors[index(tensor)].value, tensor, first); }
  float* grad(int tensor, int64_t first) const { return at(plan_.tensors[index(tensor)].grad, tensor, first); }

  /// Reads the samples of every input; `indices` says which, or null.
  void load(const std::vector<Images>& x, const int64_t* indices, const SliceOf& slice) const;
  /// `loss` receives what steps add to it.
  void forward(const Phase& phase, const SliceOf& slice, double* loss) const;
  /// logits: outputs whose last activation's gradient the loss has taken, by output.
  void backward(const Phase& phase, const SliceOf& slice, const std::vector<uint8_t>& logits) const;
  /// The pointers of a node to samples [n, n + count) of the slice. They hold until the next call.
  Run run(const PlannedNode& node, const SliceOf& slice, int64_t n, int64_t count) const;

  /// Steps overwrite dx. Where another reader of the tensor has written before, they write beside it, between these two
  /// calls, and the second adds that.
  void divert(const PlannedNode& node, const Run& run) const;
  void rejoin(const PlannedNode& node, const Run& run) const;

 private:
  static size_t index(int tensor) { return static_cast<size_t>(tensor); }
  float* at(const Place& place, int tensor, int64_t first) const;
  float* part(const Place& place, int tensor, int64_t first, int64_t n) const;

  const Plan& plan_;
  ThreadMemory& thread_;
  BatchMemory& batch_;
  const float* packed_;
  mutable WorkWatch watch_;
};

}  // namespace cnncore
