// The operands that several passes of a convolution read. They are prepared once for all passes: x and dy inside
// borders of zeros, the winners of a fused max-pool as lists, and the tables of offsets.
#pragma once

#include <optional>

#include "ops/conv2d/geometry.h"
#include "ops/conv2d/pass.h"
#include "ops/conv2d/problem.h"
#include "runtime/scratch.h"

namespace cnncore {

/// The needs of two passes together: whatever one of them needs.
OperandNeeds both(const OperandNeeds& a, const OperandNeeds& b);

class Operands {
 public:
  Operands(const Conv2dProblem& problem, const OperandNeeds& forward, const OperandNeeds& backward,
           const Kernels& kernels);

  const Conv2dProblem& problem() const { return problem_; }
  const Kernels& kernels() const { return k_; }
  /// How many images one call of forward, of backward, and of either of them can take at most.
  int64_t images() const { return images_; }
  int64_t backward_images() const { return backward_images_; }
  int64_t most_images() const { return std::max(images_, backward_images_); }
  const Frame& x_frame() const { return x_frame_; }
  const Frame& dy_frame() const { return dy_frame_; }

  /// The tables of the forward product over most_images() images. They are made when a pass first asks for them, which
  /// must be while it is planned.
  const ForwardTables& forward_tables();
  /// Where the output pixels are in backward_images() frames of dy.
  const Offsets& dy_offsets();
  /// For backward_images() images, shape [4][padded_windows()]: where in frames of x the input begins that each of the
  /// four pixels of a window reads.
  const Offsets& windows_in_x();
  int64_t padded_windows() const { return (backward_images_ * problem_.windows() + 15) / 16 * 16; }
  /// How many winners a list has room for. Kernels write whole vectors, so there is room for one behind the last.
  int64_t list_capacity() const { return padded_windows() + 16; }

  int64_t scratch_size() const { return layout_.size(); }
  /// Returns x in its frame. That is x itself if it need not be copied, otherwise a copy in scratch. With `overhang` it
  /// is always a copy, in which vectors may be read beyond the last row. In a copy, only the given rows of each image
  /// are set, and the border at their sides, above and below the image.
  const float* frame_x(int64_t count, const float* x, bool overhang, IndexRange rows, float* scratch) const;
  IndexRange all_rows() const { return {0, x_frame_.height}; }
  /// The rows of an image of x that rows of the output read.
  IndexRange rows_read_by(IndexRange output_rows) const;
  /// Whether frame_x copies x.
  bool copies_x(bool overhang) const { return x_frame_.has_border() || problem_.reduced() || overhang; }
  struct GradientRun {
    const float* y = nullptr;         // the output of forward; not read if the activation is linear
    const uint8_t* winner = nullptr;  // the winners of its pool
    const float* dy = nullptr;
    float* dbias = nullptr;  // may be null
    bool framed = false;     // must be true if dbias is wanted and there is no pool
    bool lists = false;
    float* scratch = nullptr;
  };
  /// The gradient of the output of `count` images: with `framed` as a frame of dy, and with `lists` as lists of the
  /// pool's winners. The gradient of the bias is added to dbias. It is a sum and not a product, so in a reduced
  /// precision too its terms are not rounded.
  OutputGradient gradient(int64_t count, const GradientRun& run) const;
  void round(const float* x, float* y, int64_t size) const;

 private:
  const float* frame_dy(int64_t count, const GradientRun& run) const;
  const float* unpooled_dy(int64_t count, const GradientRun& run) const;
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
