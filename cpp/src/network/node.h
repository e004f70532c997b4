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
  bool dy_of_logits = false;  // the loss has taken the last activation's gradient already
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
  /// One part of `parts` of the forward pass of one sample, for threads that share it; the bits are those of forward.
  virtual bool splits() const { return false; }
  virtual void forward_part(const Slice& slice, int64_t /*part*/, int64_t /*parts*/) const { forward(slice); }
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
