// A convolution prepared for one shape: which kernels run, the tables they read, the memory they want.
#pragma once

#include <optional>
#include <vector>

#include "cnncore/activation.h"
#include "kernels/kernels.h"
#include "ops/conv2d_geometry.h"
#include "ops/depthwise_conv2d.h"
#include "ops/tiled_conv2d.h"
#include "runtime/buffer.h"

namespace cnncore {

/// What a convolution is fused with.
struct Conv2dFusion {
  Activation activation = Activation::linear;
  bool max_pool =
      false;  ///< a 2x2 max-pool follows (activation linear or relu); the tensor between them is never stored
  bool training = true;    ///< backward will be called
  bool input_grad = true;  ///< backward computes dx
  bool stream = false;     ///< y (forward) or dx (backward) is aligned and too large to be found in a cache again
};

/// A product over planes of pixels (PlanarArgs), one image at a time.
struct Planes {
  int64_t x_plane = 0, y_plane = 0;  // floats from plane to plane
  int64_t length = 0;                // pixels at the input's pitch
  Offsets k_offset;
  bool used() const { return length > 0; }
};

/// Partial sums of a gradient: `count` of them, `stride` floats apart.
struct Partials {
  float* first;
  int64_t count, stride;
};

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

struct Conv2dAlgorithms {
  const char* forward;
  const char* data;
  const char* weights;
};

class Conv2dPlan {
 public:
  Conv2dPlan(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels);

  /// The most images of one call of forward and of backward: small images are taken together, so that a block of pixels
  /// is full.
  int64_t images() const { return images_; }
  int64_t backward_images() const { return backward_images_; }
  /// Floats per image of the input and of the output (pooled where fused); bytes of winners per image.
  int64_t input_size() const { return x_size_; }
  int64_t output_size() const { return y_size_; }
  /// Floating-point operations of the direct sum, an image.
  int64_t flops() const { return 2 * pixels_ * depth_ * params_.filters; }
  /// Floats that each thread must lend to a call; of the repacked kernel; of one partial sum of the gradient.
  int64_t scratch_size() const { return scratch_size_; }
  int64_t packed_size() const { return packed_size_; }
  int64_t partial_size() const { return partial_size_ + aligned_count<float>(params_.filters); }

  /// The kernel as forward and backward want it; once for every change of the kernel.
  void pack(const float* kernel, float* packed) const;

  /// count <= images().
  void forward(int64_t count, Conv2dRun run) const;
  /// One part of `parts` of one image's output, for threads that share it; only where splits().
  bool splits() const;
  void forward_part(int64_t part, int64_t parts, Conv2dRun run) const;

  /// `count` <= backward_images(). From the output y and its gradient: dx, and this range's share of the gradient of
  /// the weights, added to `partial`. Each is skipped where null.
  void backward(int64_t count, const float* x, const float* y, const uint8_t* winner, const float* dy,
                const float* packed, float* dx, float* partial, float* scratch) const;

  /// Tasks into which the sum over partials is cut, and one of them: writes rows [begin, begin + size) of the flat
  /// dkernel.
  int64_t reduce_tasks() const { return params_.kernel_height; }
  struct Range {
    int64_t begin, size;
  };
  Range reduce(int64_t task, const Partials& partials, float* dkernel) const;
  void reduce_bias(const Partials& partials, float* dbias) const;

  const char* algorithm() const;
  /// What each pass takes; "none" for a gradient that is not asked for.
  Conv2dAlgorithms algorithms() const;

 private:
  enum class Backward { dense, sparse, patch };  // sparse and patch visit only the winners of the max-pool

  bool winograd_applies(int64_t height, int64_t width, int64_t channels, int64_t filters) const;
  void run_tiles(const Tiles& tiles, const Frame& frame, int64_t begin, int64_t end, WinogradArgs a) const;
  int64_t units() const;
  void run_units(int64_t begin, int64_t end, Conv2dRun run) const;
  TiledConv2d::Run tiled_run(const Conv2dRun& run) const;
  void plan_backward(PixelOrder order);
  void plan_sparse_gradient();
  void plan_dense_gradient(PixelOrder order);
  void plan_winners();
  void plan_data_tiles();
  void plan_weight_tiles();
  bool planes_apply() const;
  void plan_data_planes();
  void plan_scratch();
  const float* frame_input(int64_t count, const float* x, float* scratch) const;
  const float* frame_gradient(int64_t count, const float* y, const uint8_t* winner, const float* dy,
                              float* scratch) const;
  void backward_winners(int64_t count, const float* x, const uint8_t* winner, const float* dy, const float* packed,
                        float* dx, float* partial, float* scratch) const;
  void weights_gradient(int64_t count, const float* x, const float* dy, float* partial, float* scratch) const;
  void data_gradient(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const;
  void backward_dense(int64_t count, const float* x, const float* dy, const float* packed, float* dx, float* partial,
                      float* scratch) const;
  void planar_data_gradient(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const;
  bool tiles_apply(double saving) const;
  TiledShape tiled_shape(const Frame& x, int64_t filters, int64_t stride_height, int64_t stride_width) const;
  std::vector<TiledProduct::Tap> forward_taps() const;
  void plan_tiled_forward(int64_t height, int64_t width);
  void plan_tiled_data();
  int64_t tiled_gradient_images() const;
  bool reduced() const { return params_.precision != Precision::float32; }
  /// A float32 kernel reads dy; tiles round it themselves.
  bool rounds_dy() const { return reduced() && !(tiled_weights_ && (tiled_data_ || !fusion_.input_grad)); }
  void round(const float* x, float* y, int64_t size) const;
  void pack_sparse(const float* kernel, float* packed) const;
  void pack_phase(const Phase& phase, const float* kernel, float* packed) const;
  static bool is_depthwise(const Conv2dParams& p) {
    return p.groups > 1 && p.groups == p.in_channels && p.filters == p.in_channels;
  }
  /// Rows of so many columns keep a streamed output's vectors aligned.
  bool streams(int64_t columns) const { return fusion_.stream && columns % k_.width == 0; }
  int64_t row_vectors() const;  // vectors that cover one row of a window

  Conv2dParams params_;  // in the precision that is used
  Conv2dFusion fusion_;
  const Kernels& k_;
  Backward mode_ = Backward::dense;
  int64_t images_ = 1, backward_images_ = 1;
  int64_t x_size_, y_size_, pixels_, depth_, windows_padded_ = 0;
  // the packed kernel: rounded as it is, transformed for forward, turned for backward
  int64_t packed_rounded_size_ = 0, packed_forward_size_ = 0, packed_size_ = 0, partial_size_ = 0;
  Frame x_frame_{}, dy_frame_{};
  bool copy_x_ = false, copy_dy_ = false, copy_dx_ = false;
  ForwardTables tables_;
  Offsets dy_offset_;  // of the forward's pixels in dy's frame
  Offsets candidate_;  // [4][windows_padded]: where a window's pixels lie, in x (sparse) or dy's frame (dense)
  Offsets segment_;    // sparse: vectors of a window
  BackwardDataTables data_;
  Tiles forward_tiles_, data_tiles_;  // Winograd, where it applies
  Offsets weight_tiles_;              // the same for the gradient of the weights: the forward's tiles in dy's frame
  Offsets count_up_;
  int64_t pixel_row_ = 0;  // one channel, few filters: pixels of a row of the output
  // bfloat16 tiles, where the machine has a unit for them and they pay
  std::optional<TiledConv2d> tiled_forward_, tiled_data_;
  std::optional<TiledGradient> tiled_weights_;
  std::optional<DepthwiseConv2d> depthwise_;
  Planes data_planes_;  // few input channels: the gradient of the input by planes of pixels
  // parts of the scratch, in floats
  int64_t scratch_size_ = 0, at_tiles_ = 0, at_tiled_ = 0, at_planes_ = 0, at_squares_ = 0, at_dy_ = 0, at_dx_ = 0,
          at_value_ = 0, at_offset_ = 0, at_count_ = 0, at_lists_ = 0;
};

}  // namespace cnncore
