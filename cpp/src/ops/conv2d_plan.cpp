// Planning a convolution. Its passes are in conv2d_forward.cpp and conv2d_backward.cpp.
#include "ops/conv2d_plan.h"

#include <algorithm>

#include "ops/frame.h"
#include "ops/rounding.h"
#include "runtime/buffer.h"

namespace cnncore {
namespace {

// Enough pixels for the widest block of the kernels to be filled several times.
constexpr int64_t kPixelsPerCall = 48;
constexpr int64_t kMaxImages = 16;
constexpr int64_t kTilesPerCall = 192;
constexpr int64_t kTilesPerGradient = 64;
constexpr int64_t kMaxTiledImages = 8;
constexpr int64_t kPlanarBlock = 64;  // pixels that the kernel takes at a time, on any ISA

// How many times faster an algorithm of the float32 kernels is than their direct sum: Winograd's takes 2.25 times fewer
// products but moves more data, and in the gradient of the kernel more yet.
constexpr double kWinogradSaving = 1.8;
constexpr double kWinogradGradientSaving = 1.3;
constexpr double kSparseSaving = 4.0;

// The last tiles of an odd output read one row and column more.
void grow_for_tiles(Frame& frame, int64_t height, int64_t width) {
  frame.border.bottom += height % 2;
  frame.border.right += width % 2;
}

int64_t images_for(int64_t wanted, int64_t per_image, int64_t most) {
  return std::clamp((wanted + per_image - 1) / std::max<int64_t>(per_image, 1), int64_t{1}, most);
}

}  // namespace

int64_t Conv2dPlan::row_vectors() const {
  return (params_.kernel_width * params_.in_channels + k_.width - 1) / k_.width;
}

Conv2dPlan::Conv2dPlan(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels)
    : params_(params), fusion_(fusion), k_(kernels) {
  const Shape out = conv2d_output_shape(params);
  params_.precision = used_precision(params);
  const bool pool = fusion.max_pool;
  pixels_ = pool ? out[0] / 2 * (out[1] / 2) * 4 : out[0] * out[1];
  images_ = backward_images_ = images_for(kPixelsPerCall, pixels_, kMaxImages);
  x_size_ = params.in_height * params.in_width * params.in_channels;
  y_size_ = (pool ? pixels_ / 4 : pixels_) * params.filters;
  depth_ = params.kernel_height * params.kernel_width * (params.in_channels / params.groups);
  partial_size_ = aligned_count<float>(depth_ * params.filters);

  const bool unit = params.stride_height == 1 && params.stride_width == 1 && params.dilation_height == 1 &&
                    params.dilation_width == 1;
  const int64_t row = params.kernel_width * params.in_channels;
  if (pool && unit && params.in_channels == 1 && params.kernel_height == 3 && params.kernel_width == 3 &&
      !fusion.input_grad)
    mode_ = Backward::patch;
  else if (pool && params.groups == 1 && params.dilation_width == 1 && 2 * row >= row_vectors() * k_.width &&
           !tiles_apply(kSparseSaving))
    mode_ = Backward::sparse;  // at least half of the lanes work

  // A vector may reach beyond the last row of a window; inside a copy that is harmless.
  const bool overhang = mode_ == Backward::sparse && row % k_.width != 0;
  const int64_t height = pool ? out[0] / 2 * 2 : out[0], width = pool ? out[1] / 2 * 2 : out[1];
  const bool winograd_fits = winograd_applies(height, width, params.in_channels, params.filters);
  if (tiles_apply(winograd_fits ? kWinogradSaving : 1.0)) plan_tiled_forward(height, width);
  const bool winograd = winograd_fits && !tiled_forward_;
  x_frame_ = {params.in_height, params.in_width, params.in_channels, params.padding};
  if (winograd) {
    images_ = std::max(images_, images_for(kTilesPerCall, tile_count(height, width), kMaxTiledImages));
    grow_for_tiles(x_frame_, height, width);
  }
  if (is_depthwise(params)) {
    depthwise_.emplace(params, images_, fusion.training && fusion.input_grad, kernels);
    x_frame_.border = {};
  }
  copy_dx_ = x_frame_.has_border() || overhang;
  copy_x_ = copy_dx_ || reduced();
  const PixelOrder order = pool ? PixelOrder::windows : PixelOrder::rows;
  // Vectors over few filters would be half empty or worse: they run over the pixels of a row instead.
  if (!pool && params.in_channels == 1 && params.stride_width == 1 && 2 * params.filters <= k_.width &&
      2 * out[1] >= k_.width)
    pixel_row_ = out[1];
  if (!depthwise_) tables_ = forward_tables(params, x_frame_, images_, order);
  if (winograd) {
    forward_tiles_ = tiles(x_frame_, 0, {height, width, params.filters, {}}, images_);
    if (pool) forward_tiles_.y_offset = tables_.y_offset;
    packed_forward_size_ = 16 * params.in_channels * params.filters;
  }
  if (tiled_forward_) packed_forward_size_ = tiled_forward_->packed_size();
  if (reduced()) packed_rounded_size_ = aligned_count<float>(depth_ * params.filters);
  packed_size_ = packed_rounded_size_ + packed_forward_size_;
  if (fusion.training) plan_backward(order);
  plan_scratch();
}

// From `channels` to `filters` over an output of height x width pixels: where its sixteen products a tile are clearly
// fewer than the nine a pixel of the direct sum, and vectors are full.
bool Conv2dPlan::winograd_applies(int64_t height, int64_t width, int64_t channels, int64_t filters) const {
  const Conv2dParams& p = params_;
  return p.kernel_height == 3 && p.kernel_width == 3 && p.stride_height == 1 && p.stride_width == 1 &&
         p.dilation_height == 1 && p.dilation_width == 1 && p.groups == 1 && channels % k_.width == 0 &&
         filters % k_.width == 0 && 4 * 16 * tile_count(height, width) <= 3 * 9 * height * width;
}

void Conv2dPlan::plan_backward(PixelOrder order) {
  if (mode_ == Backward::sparse) plan_sparse_gradient();
  if (mode_ == Backward::dense) plan_dense_gradient(order);
  if (fusion_.max_pool) plan_winners();
}

void Conv2dPlan::plan_sparse_gradient() {
  const int64_t vectors = row_vectors();
  for (int64_t ky = 0; ky < params_.kernel_height; ++ky)
    for (int64_t v = 0; v < vectors; ++v)
      segment_.push_back(tables_.tap_offset[static_cast<size_t>(ky * params_.kernel_width)] +
                         static_cast<int32_t>(v * k_.width));
  partial_size_ = params_.kernel_height * vectors * k_.width * params_.filters;
  packed_size_ += fusion_.input_grad ? partial_size_ : 0;
}

void Conv2dPlan::plan_dense_gradient(PixelOrder order) {
  const Shape out = conv2d_output_shape(params_);
  dy_frame_ = {out[0], out[1], params_.filters, {}};
  const bool winograd_fits = forward_tiles_.used() && !fusion_.max_pool;
  const bool tiled_weights = tiles_apply(winograd_fits ? kWinogradGradientSaving : 1.0);
  const bool winograd = winograd_fits && !tiled_weights;
  if (tiled_weights)
    backward_images_ = std::max(backward_images_, tiled_gradient_images());
  else if (winograd)
    backward_images_ =
        std::max(backward_images_, images_for(kTilesPerGradient, forward_tiles_.per_image, kMaxTiledImages));
  const bool data_tiled = winograd_applies(params_.in_height, params_.in_width, params_.filters, params_.in_channels);
  if (winograd) grow_for_tiles(dy_frame_, out[0], out[1]);
  if (fusion_.input_grad && tiles_apply(data_tiled ? kWinogradSaving : 1.0)) {
    plan_tiled_data();
  } else if (depthwise_) {
    packed_size_ += fusion_.input_grad ? depth_ * params_.filters : 0;
  } else if (fusion_.input_grad) {
    Padding least = dy_frame_.border;
    if (data_tiled) {
      // the windows of the last tiles reach one pixel beyond those of the pixels
      least.bottom = std::max(least.bottom, 2 - params_.padding.bottom + params_.in_height % 2);
      least.right = std::max(least.right, 2 - params_.padding.right + params_.in_width % 2);
    }
    data_ = backward_data_tables(params_, backward_images_, least);
    dy_frame_ = data_.dy;
    packed_size_ += depth_ * params_.filters;
    if (data_tiled)
      plan_data_tiles();
    else if (planes_apply())
      plan_data_planes();
  }
  if (winograd) plan_weight_tiles();
  if (tiled_weights)
    tiled_weights_.emplace(tiled_shape({params_.in_height, params_.in_width, params_.in_channels, {}}, params_.filters,
                                       params_.stride_height, params_.stride_width),
                           forward_taps(), dy_frame_, backward_images_, k_);
  copy_dy_ = dy_frame_.has_border() || fusion_.max_pool || fusion_.activation != Activation::linear || rounds_dy();
  dy_offset_ = output_offsets(dy_frame_, backward_images_, order);
}

// Where the pixels of each window of the fused max-pool lie: in dy's frame, or in x for what multiplies the winners
// with x.
void Conv2dPlan::plan_winners() {
  const int64_t windows = backward_images_ * pixels_ / 4;
  windows_padded_ = (windows + 15) / 16 * 16;
  const Offsets& pixel = mode_ == Backward::dense ? dy_offset_ : tables_.x_offset;
  candidate_.assign(static_cast<size_t>(4 * windows_padded_), 0);
  for (int64_t q = 0; q < windows; ++q)
    for (int64_t i = 0; i < 4; ++i)
      candidate_[static_cast<size_t>(i * windows_padded_ + q)] = pixel[static_cast<size_t>(4 * q + i)];
}

void Conv2dPlan::plan_weight_tiles() {
  partial_size_ = 16 * params_.in_channels * params_.filters;
  for (int64_t n = 0; n < backward_images_; ++n)
    for (int64_t i = 0; i < dy_frame_.height; i += 2)
      for (int64_t j = 0; j < dy_frame_.width; j += 2)
        weight_tiles_.push_back(static_cast<int32_t>(n * dy_frame_.size()) + dy_frame_.offset(i, j));
  for (int64_t c = 0; c < params_.in_channels; ++c) count_up_.push_back(static_cast<int32_t>(c));
}

void Conv2dPlan::plan_data_tiles() {
  // The first pixel's window begins where the kernel's last tap meets it.
  const int32_t begin = dy_frame_.offset(params_.padding.top - 2, params_.padding.left - 2);
  data_tiles_ =
      tiles(dy_frame_, begin, {params_.in_height, params_.in_width, params_.in_channels, {}}, backward_images_);
  packed_size_ += 16 * params_.in_channels * params_.filters;
}

// Vectors over the input's channels would be half empty or worse.
bool Conv2dPlan::planes_apply() const {
  return params_.groups == 1 && params_.stride_height == 1 && params_.stride_width == 1 &&
         2 * params_.in_channels <= k_.width;
}

void Conv2dPlan::plan_data_planes() {
  const Phase& phase = data_.phases.front();
  const int64_t pitch = dy_frame_.full_width(), filters = params_.filters;
  data_planes_.length = (params_.in_height - 1) * pitch + params_.in_width;
  const int64_t block = (data_planes_.length + kPlanarBlock - 1) / kPlanarBlock * kPlanarBlock;
  const int64_t base = phase.dy_offset.front(), reach = phase.tap_offset.empty() ? 0 : phase.tap_offset.front();
  data_planes_.x_plane =
      aligned_count<float>(std::max((base + reach) / filters + block, dy_frame_.full_height() * pitch));
  data_planes_.y_plane = block;
  for (const int32_t tap : phase.tap_offset)
    for (int64_t f = 0; f < filters; ++f)
      data_planes_.k_offset.push_back(static_cast<int32_t>((base + tap) / filters + f * data_planes_.x_plane));
}

void Conv2dPlan::plan_scratch() {
  const auto take = [&](int64_t floats) {
    const int64_t at = scratch_size_;
    scratch_size_ += aligned_count<float>(floats) + (floats ? kAlignment / 4 : 0);
    return at;
  };
  take(copy_x_ ? images_ * x_frame_.size() : 0);
  const int64_t widest =
      std::max(forward_tiles_.used() ? params_.in_channels : 0, data_tiles_.used() ? params_.filters : 0);
  int64_t tiled = tiled_forward_ ? tiled_forward_->scratch_size() : 0;
  if (tiled_data_) tiled = std::max(tiled, tiled_data_->scratch_size());
  if (tiled_weights_) tiled = std::max(tiled, tiled_weights_->scratch_size());
  at_tiled_ = take(tiled);
  at_tiles_ = take(widest > 0 ? 16 * 13 * (widest + 2 * k_.width) : 0);
  if (!fusion_.training) return;
  if (!weight_tiles_.empty()) at_squares_ = take(16 * 96 * (params_.in_channels + params_.filters));
  int64_t planes = 0;
  if (data_planes_.used()) planes = params_.filters * data_planes_.x_plane + params_.in_channels * data_planes_.y_plane;
  if (pixel_row_ > 0) {
    const int64_t row = (pixel_row_ + k_.width - 1) / k_.width * k_.width;
    planes = std::max(planes, backward_images_ * pixels_ / pixel_row_ * row * params_.filters);
  }
  at_planes_ = take(planes);
  if (mode_ == Backward::dense) at_dy_ = take(copy_dy_ ? backward_images_ * dy_frame_.size() : 0);
  if (mode_ != Backward::sparse) return;
  const int64_t capacity = windows_padded_ + 16;
  at_dx_ = take(copy_dx_ && fusion_.input_grad ? backward_images_ * x_frame_.size() + k_.width : 0);
  at_value_ = take(params_.filters * capacity);
  at_offset_ = take(params_.filters * capacity);
  at_count_ = take(params_.filters);
  at_lists_ = take(2 * windows_padded_ * k_.width);
}

const char* Conv2dPlan::algorithm() const {
  if (tiled_forward_) return fusion_.max_pool ? "bfloat16 tiles, pooled" : "bfloat16 tiles";
  if (forward_tiles_.used())
    return !fusion_.max_pool           ? "winograd"
           : mode_ == Backward::sparse ? "winograd, pooled, sparse gradient"
                                       : "winograd, pooled";
  if (depthwise_) return "depthwise";
  if (pixel_row_ > 0) return "direct, by rows of pixels";
  if (!fusion_.max_pool) return params_.groups > 1 ? "direct, grouped" : "direct";
  return mode_ == Backward::dense    ? "direct, pooled"
         : mode_ == Backward::sparse ? "direct, pooled, sparse gradient"
                                     : "direct, pooled, patch gradient";
}

Conv2dAlgorithms Conv2dPlan::algorithms() const {
  Conv2dAlgorithms names{"direct", "none", "none"};
  if (tiled_forward_)
    names.forward = "tiles";
  else if (forward_tiles_.used())
    names.forward = "winograd";
  else if (depthwise_)
    names.forward = "depthwise";
  else if (pixel_row_ > 0)
    names.forward = "rows";
  if (!fusion_.training) return names;
  if (fusion_.input_grad)
    names.data = mode_ == Backward::sparse ? "winners"
                 : tiled_data_             ? "tiles"
                 : depthwise_              ? "depthwise"
                 : data_tiles_.used()      ? "winograd"
                 : data_planes_.used()     ? "planes"
                                           : "direct";
  names.weights = mode_ == Backward::sparse  ? "winners"
                  : mode_ == Backward::patch ? "patch"
                  : tiled_weights_           ? "tiles"
                  : depthwise_               ? "depthwise"
                  : !weight_tiles_.empty()   ? "winograd"
                  : pixel_row_ > 0           ? "rows"
                                             : "direct";
  return names;
}

}  // namespace cnncore
