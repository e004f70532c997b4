// A step: an op prepared for one shape and one instruction set, run on consecutive samples.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/op.h"

namespace cnncore {

/// Pointers to `count` consecutive samples, and to what else a call may use.
struct Run {
  int64_t first = 0;  ///< the first sample's place in the batch, for what depends on it
  int64_t count = 0;
  int64_t training_step = 0;        ///< likewise
  const float* const* x = nullptr;  ///< per input
  float* y = nullptr;
  float* const* dx = nullptr;  ///< per input, to be overwritten; null where no gradient is wanted
  float* dy = nullptr;         ///< may be changed: nobody reads it after this step
  uint8_t* saved = nullptr;    ///< of these samples: what forward keeps for backward
  const float* packed = nullptr;
  float* partial = nullptr;     ///< the shard's sums, zero at first where the step does not set them (sets_partial)
  bool first_of_shard = false;  ///< no sample of the shard has been here before
  float* batch = nullptr;       ///< the step's memory for the whole batch, see batch_size()
  float* scratch = nullptr;
  float* common = nullptr;      ///< of threads that share a sample: the scratch of the first of them
  bool finite_kernels = false;  ///< no parameter holds infinity or NaN: what is multiplied by zero may be left out
  bool dy_of_logits = false;    ///< the loss has taken the gradient of the last activation already
  double* loss = nullptr;       ///< where a step adds losses of its own, summed over samples
  float share = 1.0f;           ///< of a sample in a mean over the batch
  float* spare = nullptr;       ///< in products with curvature: room for the largest of x and y
};

/// A thread's share of a stage.
struct Part {
  int64_t index = 0, count = 1;
};

/// Partial sums: `count` of them (one a shard), `stride` floats apart.
struct Sums {
  float* first;
  int64_t count, stride;
};

/// The whole batch, when all slices are done.
struct BatchView {
  int64_t size;
  std::vector<const float*> x;  ///< where the step reads batches: per input
  float* y;
  float* dy;
  Sums partials;
  float* batch;
  float* scratch;  ///< for joins
};

class Step {
 public:
  virtual ~Step() = default;
  virtual void forward(const Run& run) const = 0;
  virtual void backward(const Run& run) const = 0;
  virtual std::string describe() const = 0;

  /// The forward pass of one sample alone, in stages. Threads share the stages that are `shared`; each waits for all
  /// parts of the stage before. The bits do not depend on the number of parts.
  virtual int64_t stages() const { return 1; }
  virtual bool shared(int64_t /*stage*/) const { return false; }
  virtual void forward_stage(const Run& run, int64_t /*stage*/, Part /*part*/) const { forward(run); }

  /// Floating-point operations of the forward pass, a sample.
  virtual int64_t flops() const { return 0; }
  /// Samples that are best taken together; 0: the whole slice.
  virtual int64_t group() const { return 1; }
  virtual int64_t backward_group() const { return group(); }
  /// What backward reads of the forward pass.
  virtual bool backward_reads_x() const { return true; }
  virtual bool backward_reads_y() const { return true; }

  /// The forward pass of a slice is little work, reads x alone and changes nothing else than y: where y would have to be
  /// kept in the memory of the batch for the way back, it is computed again instead.
  virtual bool repeats_forward() const { return false; }

  /// Memory: floats per thread, floats of repacked parameters, floats of a shard's sums, bytes kept per sample, floats
  /// for the whole batch.
  virtual int64_t scratch_size() const { return 0; }
  virtual int64_t packed_size() const { return 0; }
  virtual int64_t partial_size() const { return 0; }
  /// The first backward of a shard sets its sums, so that nobody clears them: those of a large kernel would be much to
  /// clear in every step of the training.
  virtual bool sets_partial() const { return false; }
  virtual int64_t saved_size() const { return 0; }
  virtual int64_t batch_size(int64_t /*samples*/) const { return 0; }

  /// Before the slices: parameters as forward and backward want them, in independent tasks.
  virtual int64_t pack_tasks() const { return 0; }
  virtual void pack(int64_t /*task*/, float* /*packed*/) const {}
  /// Whether the kernel that is multiplied with is free of infinity and NaN.
  virtual bool finite_kernel(const float* /*packed*/) const { return true; }

  /// After the slices: the gradient of a range of a parameter, in independent tasks; and of as many values again each
  /// `step` floats later.
  struct Range {
    float* grads;
    int64_t size;
    int64_t pieces = 1, step = 0;
  };
  virtual int64_t gradient_tasks() const { return 0; }
  virtual Range gradient(int64_t /*task*/, const BatchView&, float* /*scratch*/) const { return {}; }
  /// The gradient of the parameters reads x and dy of the whole batch.
  virtual bool batch_gradient() const { return false; }

  /// A step that needs the whole batch before it can go on (statistics of a batch, a layer in Python) parts the work in
  /// two phases. Before the barrier: `observe` on every slice; then `join` once; `forward` belongs to the phase
  /// behind. Backwards likewise: `observe_gradient`, `join_gradient`, and `backward` in the phase before.
  virtual bool whole_batch() const { return false; }
  virtual void observe(const Run&) const {}
  virtual void join(const BatchView&) const {}
  virtual void observe_gradient(const Run&) const {}
  virtual void join_gradient(const BatchView&) const {}
  /// After a step of the training that was finite: what it changes in the op's state.
  virtual void commit(const float* /*batch*/) const {}

  /// Products with curvature (Pearlmutter, 1994): derivatives along a direction of the parameters, their `tangent`. The
  /// second Run leads to the derivatives of what the first one leads to; its `packed` is the direction, its partial
  /// sums become the product. x of an input that depends on no trained parameter is null there where it is the step's
  /// only input, else it points to zeros.
  virtual bool has_tangent() const { return false; }
  virtual void pack_tangent(int64_t /*task*/, float* /*packed*/) const {}
  /// y', behind forward.
  virtual void tangent(const Run& /*run*/, const Run& /*tangent*/) const {}
  /// dx and dx' from dy and dy', and the share in the derivative of the parameters' gradient.
  virtual void backward_tangent(const Run& /*run*/, const Run& /*tangent*/) const {}
  virtual Range gradient_tangent(int64_t task, const BatchView& /*batch*/, const BatchView& tangent,
                                 float* scratch) const {
    return gradient(task, tangent, scratch);
  }
  /// Gauss-Newton's product leaves of dx' what backward makes of dy' alone.
  virtual void backward_gauss_newton(const Run& run, const Run& tangent) const {
    backward(with_gradients_of(run, tangent));
  }

 protected:
  static Run with_gradients_of(Run run, const Run& tangent) {
    run.dx = tangent.dx, run.dy = tangent.dy, run.partial = tangent.partial;
    return run;
  }
};

/// A step that is linear in its inputs and has no parameters: its tangent is itself.
class LinearStep : public Step {
 public:
  bool has_tangent() const override { return true; }
  void tangent(const Run& run, const Run& tangent) const override {
    Run of_tangent = run;
    of_tangent.x = tangent.x, of_tangent.y = tangent.y;
    forward(of_tangent);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    backward(run);
    backward(with_gradients_of(run, tangent));
  }
};

}  // namespace cnncore
