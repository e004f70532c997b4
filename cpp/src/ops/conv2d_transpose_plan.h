// A transposed convolution prepared for one shape. It is a convolution read backwards, and takes that one's passes: its
// output is the gradient of the convolution's input, its dx the convolution of dy, its dkernel the gradient of the
// convolution's kernel with x and dy exchanged.
#pragma once

#include "cnncore/conv2d_transpose.h"
#include "ops/conv2d/plan.h"

namespace cnncore {

/// The convolution whose gradient this is: from the output's shape to the input's.
Conv2dParams transposed(const Conv2dTransposeParams& params);

class Conv2dTransposePlan {
 public:
  /// A max-pool cannot be fused.
  Conv2dTransposePlan(const Conv2dTransposeParams& params, const Conv2dFusion& fusion, const Kernels& kernels);

  /// The most images of one call of forward and of backward.
  int64_t images() const { return plan_.backward_images(); }
  int64_t backward_images() const { return backward_images_; }
  int64_t input_size() const { return plan_.output_size(); }
  int64_t output_size() const { return plan_.input_size(); }
  int64_t flops() const { return plan_.flops(); }
  /// Floats that each thread must lend to a call; of the repacked kernel; of one partial sum of the gradient.
  int64_t scratch_size() const { return plan_.scratch_size() + layout_.size(); }
  int64_t packed_size() const { return plan_.packed_size(); }
  int64_t partial_size() const { return plan_.partial_size() + aligned_count<float>(filters_); }

  int64_t pack_tasks() const { return plan_.pack_tasks(); }
  void pack(int64_t task, const float* kernel, float* packed) const { plan_.pack(task, kernel, packed); }

  /// count <= images(); winner is not used.
  void forward(int64_t count, const Conv2dRun& run) const;
  /// count <= backward_images(). The run's kernel is read where dx is wanted.
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
  ScratchLayout layout_;    // behind the plan's own
  ScratchArray<float> dy_;  // before the activation
};

}  // namespace cnncore
