// A transposed convolution that is prepared for one shape. It uses the passes of the convolution that it transposes.
// Its output is computed like the gradient of the input of that convolution, its dx is the convolution of dy, and its
// dkernel is the gradient of the kernel of that convolution with x and dy exchanged.
#pragma once

#include "cnncore/conv2d_transpose.h"
#include "ops/conv2d/plan.h"

namespace cnncore {

/// The convolution that this one transposes. It goes from the shape of this one's output to that of its input.
Conv2dParams transposed(const Conv2dTransposeParams& params);

class Conv2dTransposePlan {
 public:
  /// A fused max-pool is not possible.
  Conv2dTransposePlan(const Conv2dTransposeParams& params, const Conv2dFusion& fusion, const Kernels& kernels);

  /// How many images one call of forward, and one of backward, can take at most.
  int64_t images() const { return plan_.backward_images(); }
  int64_t backward_images() const { return backward_images_; }
  int64_t input_size() const { return plan_.output_size(); }
  int64_t output_size() const { return plan_.input_size(); }
  int64_t flops() const { return plan_.flops(); }
  /// The number of floats of the scratch memory that each call needs, of the packed kernel, and of one partial sum of
  /// the gradient.
  int64_t scratch_size() const { return plan_.scratch_size() + layout_.size(); }
  int64_t packed_size() const { return plan_.packed_size(); }
  int64_t partial_size() const { return plan_.partial_size() + aligned_count<float>(filters_); }

  int64_t pack_tasks() const { return plan_.pack_tasks(); }
  void pack(int64_t task, const float* kernel, float* packed) const { plan_.pack(task, kernel, packed); }

  /// Computes the output of `count` images, count <= images(). winner is not used.
  void forward(int64_t count, const Conv2dRun& run) const;
  /// Computes the gradients of `count` images, count <= backward_images(). The kernel is read if dx is wanted.
  void backward(int64_t count, const Conv2dBackwardRun& run) const;

  int64_t reduce_tasks() const { return plan_.reduce_tasks(); }
  GradientRange reduce(int64_t task, const Partials& partials, float* dkernel) const {
    return plan_.reduce(task, partials, dkernel);
  }
  void reduce_bias(const Partials& partials, float* dbias) const;

  std::string algorithm() const;

 private:
  int64_t pixels() const { return output_size() / filters_; }

  const Kernels& k_;
  Activation activation_;
  int64_t filters_;
  Conv2dPlan plan_;
  int64_t backward_images_;
  ScratchLayout layout_;    // the scratch memory that comes after that of plan_
  ScratchArray<float> dy_;  // the gradient of the input of the activation
};

}  // namespace cnncore
