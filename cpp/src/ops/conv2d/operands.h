// The operands that the passes of a convolution share, prepared once for all of them: x and dy inside borders of zeros,
// the winners of a fused max-pool as lists, and the tables of offsets.
#pragma once

#include <optional>

#include "ops/conv2d/geometry.h"
#include "ops/conv2d/pass.h"
#include "ops/conv2d/problem.h"
#include "runtime/scratch.h"

namespace cnncore {

/// What two passes want together.
OperandNeeds both(const OperandNeeds& a, const OperandNeeds& b);

class Operands {
 public:
  Operands(const Conv2dProblem& problem, const OperandNeeds& forward, const OperandNeeds& backward,
           const Kernels& kernels);

  const Conv2dProblem& problem() const { return problem_; }
  const Kernels& kernels() const { return k_; }
  /// The most images of one call of forward and of backward, and of any call.
  int64_t images() const { return images_; }
  int64_t backward_images() const { return backward_images_; }
  int64_t most_images() const { return std::max(images_, backward_images_); }
  const Frame& x_frame() const { return x_frame_; }
  const Frame& dy_frame() const { return dy_frame_; }

  /// Tables over most_images() images, made when a pass asks for them while it is planned.
  const ForwardTables& forward_tables();
  /// Over backward_images(): the forward's pixels in dy's frame.
  const Offsets& dy_offsets();
  /// Over backward_images(), [4][padded_windows()]: where the four pixels of each window begin in x's frame.
  const Offsets& windows_in_x();
  int64_t padded_windows() const { return (backward_images_ * problem_.windows() + 15) / 16 * 16; }

  int64_t scratch_size() const { return layout_.size(); }
  /// x in its frame, which is x itself where nothing has to be added; with `overhang` vectors may reach beyond its last
  /// row.
  const float* frame_x(int64_t count, const float* x, bool overhang, float* scratch) const;
  /// Whether frame_x makes a copy.
  bool copies_x(bool overhang) const { return x_frame_.has_border() || problem_.reduced() || overhang; }
  /// The gradient of the output, as a frame of dy and as lists where they are wanted. y is the forward's output (not
  /// read where the activation is linear), winner that of the pool.
  OutputGradient gradient(int64_t count, const float* y, const uint8_t* winner, const float* dy, bool framed,
                          bool lists, float* scratch) const;
  void round(const float* x, float* y, int64_t size) const;

 private:
  const float* frame_dy(int64_t count, const float* y, const uint8_t* winner, const float* dy, float* scratch) const;
  WinnerLists winner_lists(int64_t count, const uint8_t* winner, const float* dy, float* scratch) const;
  Offsets windows_at(const Offsets& pixels) const;

  Conv2dProblem problem_;
  const Kernels& k_;
  int64_t images_, backward_images_;
  Frame x_frame_{}, dy_frame_{};
  bool copy_dy_ = false, round_dy_ = false;
  std::optional<ForwardTables> forward_tables_;
  Offsets dy_offsets_, windows_in_x_, windows_in_dy_;
  ScratchLayout layout_;
  ScratchArray<float> x_copy_, dy_copy_, value_, list_space_;
  ScratchArray<int32_t> offset_, count_;
};

}  // namespace cnncore
