// A convolution prepared for one shape: the algorithm that each pass takes, their operands, the memory they want.
#pragma once

#include <string>

#include "ops/conv2d/choose.h"

namespace cnncore {

/// The operands of a forward pass. bias may be null, winner (bytes, like y) too: inference.
struct Conv2dRun {
  const float* x;
  const float* kernel;
  const float* packed;
  const float* bias;
  float* y;
  uint8_t* winner;
  float* scratch;
};

/// The operands of a backward pass, each skipped where null: dx, and this range's share of the gradient of the weights.
struct Conv2dBackwardRun {
  const float* x = nullptr;
  const float* y = nullptr;  // the forward's output; not read where the activation is linear
  const uint8_t* winner = nullptr;
  const float* dy = nullptr;
  const float* kernel = nullptr;  // read by a transposed convolution alone
  const float* packed = nullptr;
  float* dx = nullptr;
  float* partial = nullptr;
  bool overwrite = false;  // partial is set, not added to: the first call of many, so that nobody has to clear it
  bool bias = true;        // partial receives the bias's gradient, too
  float* scratch = nullptr;
};

/// What each pass takes; "none" for a gradient that is not asked for.
struct Conv2dAlgorithms {
  const char* forward;
  const char* data;
  const char* weights;
};

class Conv2dPlan {
 public:
  /// The passes that will run, and names of algorithms that they must take.
  struct Passes {
    bool forward = true, data = true, weights = true;
    Conv2dForced forced = {};
  };

  Conv2dPlan(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels)
      : Conv2dPlan(params, fusion, kernels,
                   {.data = fusion.training && fusion.input_grad, .weights = fusion.training}) {}
  Conv2dPlan(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels, const Passes& passes);

  /// The most images of one call of forward and of backward: small images are taken together, so that a block of pixels
  /// is full.
  int64_t images() const { return operands_->images(); }
  int64_t backward_images() const { return operands_->backward_images(); }
  /// Floats per image of the input and of the output (pooled where fused); bytes of winners per image.
  int64_t input_size() const { return problem().x_size(); }
  int64_t output_size() const { return problem().y_size(); }
  /// Floating-point operations of the direct sum, an image.
  int64_t flops() const { return 2 * problem().pixels() * problem().depth() * problem().params.filters; }
  /// Floats that each thread must lend to a call; of the repacked kernel; of one partial sum of the gradient.
  int64_t scratch_size() const { return operands_->scratch_size() + pass_scratch_; }
  int64_t packed_size() const { return packed_size_; }
  int64_t partial_size() const { return kernel_partial_ + aligned_count<float>(problem().params.filters); }

  /// The kernel as forward and backward want it, once for every change of the kernel: in independent tasks, or at once.
  int64_t pack_tasks() const;
  void pack(int64_t task, const float* kernel, float* packed) const;
  void pack(const float* kernel, float* packed) const;

  /// count <= images().
  void forward(int64_t count, Conv2dRun run) const;
  /// One part of `parts` of one image's output, for threads that share it; only where splits().
  bool splits() const;
  void forward_part(int64_t part, int64_t parts, Conv2dRun run) const;

  /// `count` <= backward_images().
  void backward(int64_t count, const Conv2dBackwardRun& run) const;

  /// The gradient of the input as a pass of its own, for transposed convolutions: x is taken for dy, and y, which is
  /// set to what dx would be, begins at a bias per channel (which may be null) and passes relu. count <=
  /// backward_images().
  void transposed(int64_t count, const Conv2dRun& run, bool relu) const;

  /// Tasks into which the sum over partials is cut, and one of them: writes rows [begin, begin + size) of the flat
  /// dkernel.
  using Range = GradientRange;
  int64_t reduce_tasks() const { return weights_->reduce_tasks(); }
  Range reduce(int64_t task, const Partials& partials, float* dkernel) const {
    return weights_->reduce(task, partials, dkernel);
  }
  void reduce_bias(const Partials& partials, float* dbias) const;

  Conv2dAlgorithms algorithms() const { return algorithms_; }
  std::string algorithm() const;

 private:
  const Conv2dProblem& problem() const { return operands_->problem(); }
  const Kernels& kernels() const { return operands_->kernels(); }
  void plan_memory();
  ForwardRun forward_run(int64_t count, const Conv2dRun& run) const;
  void add_bias_gradient(int64_t count, const OutputGradient& gradient, bool overwrite, float* dbias) const;

  Conv2dAlgorithms algorithms_{"none", "none", "none"};
  OperandNeeds forward_needs_, data_needs_, weights_needs_;
  std::unique_ptr<Operands> operands_;  // what the passes refer to
  std::unique_ptr<ForwardPass> forward_;
  std::unique_ptr<DataPass> data_;
  std::unique_ptr<WeightsPass> weights_;
  // the packed kernel: rounded as it is, for forward, for the gradient of the input
  int64_t packed_rounded_ = 0, packed_forward_ = 0, packed_size_ = 0;
  int64_t kernel_partial_ = 0, pass_scratch_ = 0;
};

}  // namespace cnncore
