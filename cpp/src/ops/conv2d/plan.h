// A convolution that is prepared for one shape: the algorithm of each pass, the operands that passes share, and how
// much memory is needed.
#pragma once

#include <string>

#include "ops/conv2d/choose.h"

namespace cnncore {

/// The operands of a forward pass. bias may be null. winner, which has as many bytes as y has floats, may be null too,
/// in inference.
struct Conv2dRun {
  const float* x;
  const float* kernel;
  const float* packed;
  const float* bias;
  float* y;
  uint8_t* winner;
  float* scratch;
  bool finite_kernel = false;  // products with zero may be left out
};

/// The operands of a backward pass. It computes the gradient of the input, dx, and a partial sum of the gradients of
/// the weights. Each is skipped if its pointer is null.
struct Conv2dBackwardRun {
  const float* x = nullptr;
  const float* y = nullptr;  // the output of forward; not read if the activation is linear
  const uint8_t* winner = nullptr;
  const float* dy = nullptr;
  const float* kernel = nullptr;  // only read by a transposed convolution
  const float* packed = nullptr;
  float* dx = nullptr;
  float* partial = nullptr;
  bool overwrite = false;  // the first of several calls sets partial, the others add to it
  bool bias = true;        // partial includes the gradient of the bias
  float* scratch = nullptr;
};

/// The name of the algorithm of each pass, or "none" if the pass does not run.
struct Conv2dAlgorithms {
  const char* forward;
  const char* data;
  const char* weights;
};

class Conv2dPlan {
 public:
  /// Which passes will run, and for tests the names of algorithms that they must take.
  struct Passes {
    bool forward = true, data = true, weights = true;
    Conv2dForced forced = {};
  };

  Conv2dPlan(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels)
      : Conv2dPlan(params, fusion, kernels,
                   {.data = fusion.training && fusion.input_grad, .weights = fusion.training}) {}
  Conv2dPlan(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels, const Passes& passes);

  /// How many images one call of forward, and one of backward, can take at most. Small images are taken together, so
  /// that there are enough pixels to fill the blocks of the kernels.
  int64_t images() const { return operands_->images(); }
  int64_t backward_images() const { return operands_->backward_images(); }
  /// The number of floats of the input of one image, and of the output (after the pool, if one is fused). There are as
  /// many bytes of winners as floats of the output.
  int64_t input_size() const { return problem().x_size(); }
  int64_t output_size() const { return problem().y_size(); }
  /// The number of floating-point operations of the direct sum for one image.
  int64_t flops() const { return 2 * problem().pixels() * problem().depth() * problem().params.filters; }
  /// The number of floats of the scratch memory that each call needs, of the packed kernel, and of one partial sum of
  /// the gradient.
  int64_t scratch_size() const { return operands_->scratch_size() + pass_scratch_; }
  int64_t packed_size() const { return packed_size_; }
  int64_t partial_size() const { return kernel_partial_ + aligned_count<float>(problem().params.filters); }

  /// Packs the kernel for forward and backward. This has to be done after each change of the kernel, either in
  /// independent tasks or all at once.
  int64_t pack_tasks() const;
  void pack(int64_t task, const float* kernel, float* packed) const;
  void pack(const float* kernel, float* packed) const;

  /// Computes the output of `count` images, count <= images().
  void forward(int64_t count, Conv2dRun run) const;
  /// If splits() is true, several threads can share one image: forward_part computes part number `part` of `parts` of
  /// its output.
  bool splits() const;
  void forward_part(int64_t part, int64_t parts, Conv2dRun run) const;

  /// Computes the gradients of `count` images, count <= backward_images().
  void backward(int64_t count, const Conv2dBackwardRun& run) const;

  /// Computes the output of a transposed convolution. It is computed like the gradient of the input of this
  /// convolution, where x plays the role of dy, and y that of dx. The bias, with one value per channel, may be null; it
  /// is added to y before relu. count <= backward_images().
  void transposed(int64_t count, const Conv2dRun& run, bool relu) const;

  /// Sums partial gradients to dkernel. The work is cut into independent tasks, and each returns which part of the flat
  /// dkernel it has written.
  using Range = GradientRange;
  int64_t reduce_tasks() const { return weights_->reduce_tasks(); }
  Range reduce(int64_t task, const Partials& partials, float* dkernel) const {
    return weights_->reduce(task, partials, dkernel);
  }
  void reduce_bias(const Partials& partials, float* dbias) const;

  /// Whether forward leaves out products with zeros of x if Conv2dRun says that the kernel is finite.
  bool skips_zeros() const { return skips_zeros_; }

  Conv2dAlgorithms algorithms() const { return algorithms_; }
  std::string algorithm() const;

 private:
  const Conv2dProblem& problem() const { return operands_->problem(); }
  const Kernels& kernels() const { return operands_->kernels(); }
  void plan_memory();
  ForwardRun forward_run(int64_t count, IndexRange rows, const Conv2dRun& run) const;

  Conv2dAlgorithms algorithms_{"none", "none", "none"};
  OperandNeeds forward_needs_, data_needs_, weights_needs_;
  std::unique_ptr<Operands> operands_;  // the passes refer to it, so it is declared before them
  std::unique_ptr<ForwardPass> forward_;
  std::unique_ptr<DataPass> data_;
  std::unique_ptr<WeightsPass> weights_;
  // The packed kernel consists of three parts: the kernel rounded (in a reduced precision), the kernel packed for
  // forward, and the kernel packed for the gradient of the input.
  int64_t packed_rounded_ = 0, packed_forward_ = 0, packed_size_ = 0;
  int64_t kernel_partial_ = 0, pass_scratch_ = 0;
  bool skips_zeros_ = false;
};

}  // namespace cnncore
