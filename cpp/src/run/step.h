// A step: an op prepared for one shape and one instruction set, run on consecutive samples.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/op.h"

namespace cnncore {

class StepWithTangents;

/// Pointers to `count` consecutive samples, and to everything else that a call may use.
struct Run {
  int64_t first = 0;  ///< the place of the first sample in the batch, for steps that depend on it
  int64_t count = 0;
  int64_t training_step = 0;        ///< the number of the training step, for steps that depend on it
  const float* const* x = nullptr;  ///< one for each input
  float* y = nullptr;
  float* const* dx = nullptr;  ///< one for each input, which is overwritten, or null if its gradient is not needed
  float* dy = nullptr;         ///< may be changed, since nothing reads it after this step
  uint8_t* saved = nullptr;    ///< what forward keeps for backward, of these samples
  const float* packed = nullptr;
  float* partial = nullptr;     ///< the sums of the shard; zero at first, unless the step sets them (sets_partial)
  bool first_of_shard = false;  ///< whether these are the first samples of the shard
  float* batch = nullptr;       ///< the memory of the step for the whole batch, see batch_size()
  float* scratch = nullptr;
  float* common = nullptr;      ///< if threads share a sample: the scratch of the first of them
  bool finite_kernels = false;  ///< no parameter holds infinity or NaN, so products with zero may be left out
  bool dy_of_logits = false;    ///< the loss has already included the gradient of the last activation
  double* loss = nullptr;       ///< where a step adds its own losses, summed over samples
  float share = 1.0f;           ///< the weight of a sample in a mean over the batch
  float* spare = nullptr;       ///< in products with curvature: memory for the larger one of x and y
};

/// The share of a thread in a stage.
struct Part {
  int64_t index = 0, count = 1;
};

/// Partial sums: one for each of `count` shards, `stride` floats apart.
struct Sums {
  float* first;
  int64_t count, stride;
};

/// Pointers to the whole batch, after all slices are done.
struct BatchView {
  int64_t size;
  std::vector<const float*> x;  ///< one for each input, if the step reads whole batches
  float* y;
  float* dy;
  Sums partials;
  float* batch;
  float* scratch;  ///< memory for joins
};

class Step {
 public:
  virtual ~Step() = default;
  virtual void forward(const Run& run) const = 0;
  virtual void backward(const Run& run) const = 0;
  virtual std::string describe() const = 0;

  /// The forward pass of a single sample consists of stages. Threads share the stages that are `shared`, and each waits
  /// for all parts of the stage before. The bits do not depend on the number of parts.
  virtual int64_t stages() const { return 1; }
  virtual bool shared(int64_t /*stage*/) const { return false; }
  virtual void forward_stage(const Run& run, int64_t /*stage*/, Part /*part*/) const { forward(run); }

  /// Floating-point operations of the forward pass for one sample.
  virtual int64_t flops() const { return 0; }
  /// How many samples are best computed together; 0 means the whole slice.
  virtual int64_t group() const { return 1; }
  virtual int64_t backward_group() const { return group(); }
  /// Which arrays of the forward pass backward reads.
  virtual bool backward_reads_x() const { return true; }
  virtual bool backward_reads_y() const { return true; }

  /// Whether the forward pass is little work, reads x only and changes y only. If y would have to be kept in the memory
  /// of the batch until the backward pass, it is then computed again instead.
  virtual bool repeats_forward() const { return false; }

  /// How much memory the step needs: floats of scratch for each thread, floats of packed parameters, floats of the sums
  /// of a shard, bytes that are kept for each sample, and floats for the whole batch.
  virtual int64_t scratch_size() const { return 0; }
  virtual int64_t packed_size() const { return 0; }
  virtual int64_t partial_size() const { return 0; }
  /// Whether the first backward call of a shard sets its sums, so that they are not cleared before. Clearing the sums
  /// of a large kernel in every training step would take long.
  virtual bool sets_partial() const { return false; }
  virtual int64_t saved_size() const { return 0; }
  virtual int64_t batch_size(int64_t /*samples*/) const { return 0; }

  /// Before the slices: packs the parameters into the layout that forward and backward need, in independent tasks.
  virtual int64_t pack_tasks() const { return 0; }
  virtual void pack(int64_t /*task*/, float* /*packed*/) const {}
  /// Whether the packed kernel holds neither infinity nor NaN.
  virtual bool finite_kernel(const float* /*packed*/) const { return true; }

  /// A range of the gradient of a parameter: `pieces` pieces of `size` floats, which begin `step` floats apart.
  struct Range {
    float* grads;
    int64_t size;
    int64_t pieces = 1, step = 0;
  };
  /// After the slices: computes the gradients of the parameters, in independent tasks. Each returns the range that it
  /// has written.
  virtual int64_t gradient_tasks() const { return 0; }
  virtual Range gradient(int64_t /*task*/, const BatchView&, float* /*scratch*/) const { return {}; }
  /// Whether the gradient of the parameters reads x and dy of the whole batch.
  virtual bool batch_gradient() const { return false; }

  /// Whether the step needs the whole batch, for example for its statistics or because it is a layer in Python. Such a
  /// step divides the work into two phases. In the first, `observe` is called for every slice. Then `join` is called
  /// once, and in the second phase `forward` for every slice. The backward pass goes the other way: `observe_gradient`
  /// in the second phase, then `join_gradient` once, and `backward` in the first.
  virtual bool whole_batch() const { return false; }
  virtual bool calls_python() const { return false; }
  virtual void observe(const Run&) const {}
  virtual void join(const BatchView&) const {}
  virtual void observe_gradient(const Run&) const {}
  virtual void join_gradient(const BatchView&) const {}
  /// Called after a training step whose results are finite: updates the state of the op.
  virtual void commit(const float* /*batch*/) const {}

  /// This step with what products with curvature need, or null if it has no second derivatives.
  virtual const StepWithTangents* with_tangents() const { return nullptr; }
};

}  // namespace cnncore
