// The forward pass of a planned convolution.
#include "ops/activation_rows.h"
#include "ops/conv2d_plan.h"
#include "ops/frame.h"
#include "ops/rounding.h"

namespace cnncore {

const float* Conv2dPlan::frame_input(int64_t count, const float* x, float* scratch) const {
  if (!copy_x_) return x;
  if (!reduced()) {
    copy_into_frame(x_frame_, count, x, scratch);
    return scratch;
  }
  clear_border(x_frame_, count, scratch);
  for_rows(x_frame_, count, [&](int64_t from, int64_t to, int64_t width) { round(x + from, scratch + to, width); });
  return scratch;
}

void Conv2dPlan::round(const float* x, float* y, int64_t size) const {
  round_operand(k_, params_.precision, x, y, size);
}

// Tiles [begin, end) of consecutive images.
void Conv2dPlan::run_tiles(const Tiles& tiles, const Frame& frame, int64_t begin, int64_t end, WinogradArgs a) const {
  a.x_offset = tiles.x_offset.data() + begin, a.y_offset = tiles.y_offset.data() + (a.pool ? begin : 4 * begin);
  a.x_pixel = a.channels = frame.channels, a.x_row = frame.full_width() * frame.channels;
  a.tiles = end - begin;
  k_.winograd(a);
}

// Tiles, rows, windows or pixels: what the output of an image is made of.
int64_t Conv2dPlan::units() const {
  if (forward_tiles_.used()) return forward_tiles_.per_image;
  if (pixel_row_ > 0) return pixels_ / pixel_row_;
  return fusion_.max_pool ? pixels_ / 4 : pixels_;
}

void Conv2dPlan::run_units(int64_t begin, int64_t end, Conv2dRun r) const {
  const bool relu = fusion_.activation == Activation::relu;
  if (forward_tiles_.used()) {
    WinogradArgs a{};
    a.x = r.x, a.w = r.packed + packed_rounded_size_, a.bias = r.bias, a.y = r.y, a.filters = params_.filters;
    a.relu = relu, a.pool = fusion_.max_pool, a.stream = streams(params_.filters), a.winner = r.winner;
    a.scratch = r.scratch + at_tiles_;
    return run_tiles(forward_tiles_, x_frame_, begin, end, a);
  }
  if (reduced()) r.kernel = r.packed;
  if (pixel_row_ > 0) {
    GemmRowsArgs a;
    a.x = r.x, a.x_offset = tables_.x_offset.data() + begin * pixel_row_, a.k_offset = tables_.k_offset.data();
    a.pixels = (end - begin) * pixel_row_, a.row = pixel_row_, a.depth = depth_, a.cols = params_.filters;
    a.w = r.kernel, a.ldw = params_.filters, a.bias = r.bias;
    a.y = r.y, a.y_offset = tables_.y_offset.data() + begin * pixel_row_, a.relu = relu;
    return k_.gemm_rows(a);
  }
  const int64_t pixel = fusion_.max_pool ? 4 * begin : begin,
                pixels = fusion_.max_pool ? 4 * (end - begin) : end - begin;
  const int32_t* x_offset = tables_.x_offset.data() + pixel;
  const int32_t* y_offset = tables_.y_offset.data() + begin;
  const int64_t channels = params_.in_channels / params_.groups, filters = params_.filters / params_.groups;
  for (int64_t g = 0; g < params_.groups; ++g) {
    const int64_t f = g * filters;
    GemmPoolArgs a;
    a.x = r.x + g * channels, a.x_offset = x_offset, a.k_offset = tables_.k_offset.data();
    a.pixels = pixels, a.depth = depth_, a.cols = filters;
    a.w = r.kernel + f, a.ldw = params_.filters, a.bias = r.bias ? r.bias + f : nullptr;
    a.y = r.y + f, a.y_offset = y_offset, a.relu = relu, a.stream = streams(filters);
    a.winner = r.winner ? r.winner + f : nullptr;
    fusion_.max_pool ? k_.gemm_pool(a) : k_.gemm(a);
  }
}

TiledConv2d::Run Conv2dPlan::tiled_run(const Conv2dRun& r) const {
  return {r.x,
          r.packed + packed_rounded_size_,
          r.bias,
          r.y,
          r.winner,
          fusion_.activation == Activation::relu,
          r.scratch + at_tiled_};
}

void Conv2dPlan::forward(int64_t count, Conv2dRun r) const {
  if (tiled_forward_) {
    tiled_forward_->run(count, y_size_, tiled_run(r));
  } else if (depthwise_) {
    depthwise_->forward(count, r.x, r.kernel, r.bias, r.y, fusion_.activation == Activation::relu,
                        streams(params_.filters));
  } else {
    r.x = frame_input(count, r.x, r.scratch);
    run_units(0, count * units(), r);
  }
  if (fusion_.activation != Activation::relu)
    activation_rows(k_, fusion_.activation, count * y_size_ / params_.filters, params_.filters, r.y, r.y);
}

bool Conv2dPlan::splits() const {
  return !depthwise_ && (fusion_.activation == Activation::linear || fusion_.activation == Activation::relu);
}

void Conv2dPlan::forward_part(int64_t part, int64_t parts, Conv2dRun r) const {
  if (tiled_forward_) return tiled_forward_->run_part(part, parts, tiled_run(r));
  r.x = frame_input(1, r.x, r.scratch);
  run_units(part * units() / parts, (part + 1) * units() / parts, r);
}

}  // namespace cnncore
