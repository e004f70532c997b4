// The tangent of a convolution that may be fused with relu and a 2x2 max-pool. Products with curvature need it.
#pragma once

#include "ops/conv2d/plan.h"
#include "runtime/scratch.h"

namespace cnncore {

/// y' = x' * kernel + x * kernel' + bias', where * is the convolution. y' is zero where relu made y zero, and with a
/// pool it is the tangent at the winner of each window.
class Conv2dTangent {
 public:
  Conv2dTangent(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels);

  /// The number of floats of scratch memory that each call needs, and that of one packed kernel. There are two of
  /// those: the kernel and its tangent.
  int64_t scratch_size() const { return layout_.size(); }
  int64_t packed_size() const { return plan_.packed_size(); }
  int64_t pack_tasks() const { return plan_.pack_tasks(); }
  void pack(int64_t task, const float* kernel, float* packed) const { plan_.pack(task, kernel, packed); }

  /// A kernel in its usual layout, and the same kernel packed.
  struct Kernel {
    const float* values;
    const float* packed;
  };
  struct Run {
    const float* x;
    const float* x_tangent;         // null stands for zeros
    Kernel kernel, kernel_tangent;  // if the values of the tangent are null, they are zeros
    const float* bias_tangent;      // null stands for zeros
    const float* y;                 // the output of the forward pass, and its winners
    const uint8_t* winner;
    float* y_tangent;
    float* scratch;
  };
  void run(int64_t count, const Run& run) const;

 private:
  void sum(int64_t count, const Run& run, float* to) const;
  void pool(int64_t count, const Run& run, const float* full) const;

  const Kernels& k_;
  Conv2dPlan plan_;  // the convolution alone, without activation and pool
  bool relu_, max_pool_;
  int64_t width_, pooled_height_, pooled_width_, filters_;
  ScratchLayout layout_;
  ScratchArray<float> own_, full_, term_;
};

}  // namespace cnncore
