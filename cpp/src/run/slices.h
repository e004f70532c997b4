// The steps of a plan on a slice of samples, in the memory of one thread.
#pragma once

#include <span>
#include <vector>

#include "cnncore/network.h"
#include "ops/shards.h"
#include "plan/plan.h"
#include "runtime/buffer.h"
#include "runtime/interrupt.h"

namespace cnncore {

/// Makes a buffer larger if it is too small. Then its content is lost.
template <class T>
void reserve(Buffer<T>& buffer, int64_t count) {
  if (buffer.size() >= count) return;
  buffer = {};  // frees its memory before the new one is allocated
  buffer = Buffer<T>(count);
}

/// The memory of one thread.
struct ThreadMemory {
  ThreadMemory() = default;
  explicit ThreadMemory(const Plan& plan) { reserve(plan); }
  void reserve(const Plan& plan);
  Buffer<float> floats, scratch, added;
  Buffer<uint8_t> saved;
  std::vector<const float*> x;  // the inputs of the current step
  std::vector<float*> dx, sum;
  int64_t bytes() const;
};

/// The memory that all threads share: tensors of the whole batch, sums of shards, and what the forward pass keeps for
/// the backward pass of another phase.
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

  /// Tells the steps that no parameter holds infinity or NaN.
  void finite_kernels(bool finite) { finite_kernels_ = finite; }
  /// Lets `watch` stop the work: the steps that remain are left out, and the results must not be used.
  void watch(InterruptWatch& watch, int thread) { watch_ = WorkWatch(watch, thread); }

  float* value(int tensor, int64_t first) const { return at(plan_.tensors[index(tensor)].value, tensor, first); }
  float* grad(int tensor, int64_t first) const { return at(plan_.tensors[index(tensor)].grad, tensor, first); }

  /// Reads the samples of every input. `indices` says which samples, if it is not null.
  void load(std::span<const Images> x, const int64_t* indices, const SliceOf& slice) const;
  /// Steps with their own losses add them to `loss`.
  void forward(const Phase& phase, const SliceOf& slice, double* loss) const;
  /// `logits` says for each output whether the loss has included the gradient of the last activation.
  void backward(const Phase& phase, const SliceOf& slice, const std::vector<uint8_t>& logits) const;
  /// The pointers of a node for samples [n, n + count) of the slice. They are valid until the next call.
  Run run(const PlannedNode& node, const SliceOf& slice, int64_t n, int64_t count) const;

  /// A step overwrites dx. If another step that reads the same tensor has already written dx, divert() makes this step
  /// write to another place, and rejoin() adds what is there to dx.
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
  bool finite_kernels_ = false;
  mutable WorkWatch watch_;
};

}  // namespace cnncore
