// The tangent of a convolution with its relu and its 2x2 max-pool: products with curvature.
#pragma once

#include "ops/conv2d/plan.h"
#include "runtime/scratch.h"

namespace cnncore {

/// y' = x' * kernel + x * kernel' + bias', where relu let something pass, and of the pool's winners.
class Conv2dTangent {
 public:
  Conv2dTangent(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels);

  /// Floats that each thread lends to a call; of a kernel as it is multiplied, of which there are two.
  int64_t scratch_size() const { return layout_.size(); }
  int64_t packed_size() const { return plan_.packed_size(); }
  int64_t pack_tasks() const { return plan_.pack_tasks(); }
  void pack(int64_t task, const float* kernel, float* packed) const { plan_.pack(task, kernel, packed); }

  /// A kernel as it is and packed.
  struct Kernel {
    const float* values;
    const float* packed;
  };
  struct Run {
    const float* x;
    const float* x_tangent;         // may be null: zeros
    Kernel kernel, kernel_tangent;  // the tangent's values may be null: zeros
    const float* bias_tangent;      // may be null: zeros
    const float* y;                 // of the forward pass, with its winners
    const uint8_t* winner;
    float* y_tangent;
    float* scratch;
  };
  void run(int64_t count, const Run& run) const;

 private:
  void sum(int64_t count, const Run& run, float* to) const;
  void pool(int64_t count, const Run& run, const float* full) const;

  const Kernels& k_;
  Conv2dPlan plan_;  // linear, of whole images
  bool relu_, max_pool_;
  int64_t width_, pooled_height_, pooled_width_, filters_;
  ScratchLayout layout_;
  ScratchArray<float> own_, full_, term_;
};

}  // namespace cnncore
