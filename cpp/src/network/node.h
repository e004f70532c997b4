// One planned op of a network: what it computes on consecutive samples, and what memory it wants.
#pragma once

#include <memory>
#include <string>

#include "kernels/kernels.h"
#include "ops/conv2d_plan.h"

namespace cnncore {

/// Where a node's kernel and bias live; null where it has none.
struct Weights {
  const float* kernel = nullptr;
  const float* bias = nullptr;
  float* dkernel = nullptr;
  float* dbias = nullptr;
  int64_t kernel_size = 0, bias_size = 0;
};

/// Pointers to `count` consecutive samples. dx is null where no gradient of the input is wanted.
struct Slice {
  int64_t first = 0;  // of the batch, for what depends on a sample's place in it
  int64_t count = 0;
  int64_t step = 0;  // of the training, likewise
  const float* x = nullptr;
  float* y = nullptr;
  float* dx = nullptr;
  float* dy = nullptr;
  uint8_t* winner = nullptr;
  const float* packed = nullptr;
  float* partial = nullptr;
  float* scratch = nullptr;
  float* common = nullptr;      // of the threads that share a sample: the first one's scratch
  bool finite_kernels = false;  // what is multiplied by zero may be left out
  bool dy_of_logits = false;    // the loss has taken the last activation's gradient already
};

/// A thread's share of a stage.
struct Part {
  int64_t index = 0, count = 1;
};

/// The whole batch, when all slices are done.
struct BatchView {
  int64_t size;
  const float* x;
  const float* dy;
  Partials partials;
  float* scratch = nullptr;  // of the thread that runs the task
};

class Node {
 public:
  virtual ~Node() = default;
  virtual void forward(const Slice& slice) const = 0;
  virtual void backward(const Slice& slice) const = 0;
  /// The forward pass of one sample alone, in stages. Threads share the stages that are `shared`; each waits for all
  /// parts of the stage before. The bits do not depend on the number of parts.
  virtual int64_t stages() const { return 1; }
  virtual bool shared(int64_t /*stage*/) const { return false; }
  virtual void forward_stage(const Slice& slice, int64_t /*stage*/, Part /*part*/) const { forward(slice); }
  virtual std::string describe() const = 0;

  /// Floating-point operations of the forward pass, a sample.
  virtual int64_t flops() const { return 0; }
  /// Samples that are best taken together; 0: the whole slice.
  virtual int64_t group() const { return 1; }
  virtual int64_t backward_group() const { return group(); }
  /// Memory: floats per thread, floats of repacked weights, floats of one partial gradient, bytes of winners per
  /// sample.
  virtual int64_t scratch_size() const { return 0; }
  virtual int64_t packed_size() const { return 0; }
  virtual int64_t partial_size() const { return 0; }
  virtual int64_t winner_size() const { return 0; }
  /// The gradient of the weights reads x and dy of the whole batch.
  virtual bool batch_gradient() const { return false; }

  /// Before the slices: weights as forward and backward want them, in independent tasks.
  virtual Weights weights() const { return {}; }
  virtual int64_t pack_tasks() const { return 0; }
  virtual void pack(int64_t /*task*/, float* /*packed*/) const {}

  /// After the slices: the gradient of a range of the flat vector, in independent tasks.
  struct Range {
    float* grads;
    int64_t size;
  };
  virtual int64_t gradient_tasks() const { return 0; }
  virtual Range gradient(int64_t /*task*/, const BatchView&) const { return {}; }
};

}  // namespace cnncore
