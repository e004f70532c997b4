// The backward pass of a planned convolution: dense, or over the winners of a fused max-pool only.
#include <algorithm>
#include <cstring>

#include "ops/activation_rows.h"
#include "ops/conv2d_plan.h"
#include "ops/frame.h"
#include "ops/rounding.h"

namespace cnncore {

// Sparse: row f holds the window of filter f, each row of kernel_width * channels floats padded to whole vectors.
// Dense: per phase, (tap, filter) x channels, so that the product sums over taps and filters.
void Conv2dPlan::pack(const float* kernel, float* packed) const {
  if (reduced()) {
    round_operand(k_, params_.precision, kernel, packed, depth_ * params_.filters);
    kernel = packed;
    packed += packed_rounded_size_;
  }
  if (forward_tiles_.used()) {
    int64_t tap[9];
    for (int64_t t = 0; t < 9; ++t) tap[t] = t * params_.in_channels * params_.filters;
    k_.winograd_weights({kernel, tap, params_.filters, params_.in_channels, params_.filters, packed});
  }
  if (tiled_forward_) tiled_forward_->pack(kernel, false, packed);
  packed += packed_forward_size_;
  if (!fusion_.training || !fusion_.input_grad) return;
  if (mode_ == Backward::sparse) return pack_sparse(kernel, packed);
  if (tiled_data_) return tiled_data_->pack(kernel, true, packed);
  if (depthwise_) {
    std::copy_n(kernel, depth_ * params_.filters, packed);
    return;
  }
  if (data_tiles_.used()) {
    // the flipped kernel, from filters to channels
    const int64_t size = params_.in_channels * params_.filters;
    float* turned = packed + 16 * size;
    pack_phase(data_.phases.front(), kernel, turned);
    int64_t tap[9];
    for (int64_t t = 0; t < 9; ++t) tap[t] = (8 - t) * size;
    k_.winograd_weights({turned, tap, params_.in_channels, params_.filters, params_.in_channels, packed});
    return;
  }
  for (const Phase& phase : data_.phases) {
    pack_phase(phase, kernel, packed);
    packed += static_cast<int64_t>(phase.taps.size()) * params_.filters * (params_.in_channels / params_.groups);
  }
}

void Conv2dPlan::pack_sparse(const float* kernel, float* packed) const {
  const int64_t row = params_.kernel_width * params_.in_channels, padded_row = row_vectors() * k_.width;
  const int64_t ld = params_.kernel_height * padded_row;
  for (int64_t ky = 0; ky < params_.kernel_height; ++ky)
    k_.transpose(kernel + ky * row * params_.filters, params_.filters, packed + ky * padded_row, ld, row,
                 params_.filters);
}

void Conv2dPlan::pack_phase(const Phase& phase, const float* kernel, float* packed) const {
  const int64_t channels = params_.in_channels / params_.groups, filters = params_.filters / params_.groups;
  for (const int64_t tap : phase.taps) {
    const float* from = kernel + tap * channels * params_.filters;
    for (int64_t g = 0; g < params_.groups; ++g)
      k_.transpose(from + g * filters, params_.filters, packed + g * channels, params_.in_channels, channels, filters);
    packed += filters * params_.in_channels;
  }
}

void Conv2dPlan::backward(int64_t count, const float* x, const float* y, const uint8_t* winner, const float* dy,
                          const float* packed, float* dx, float* partial, float* scratch) const {
  if (partial && !tiled_weights_) x = frame_input(count, x, scratch);
  packed += packed_rounded_size_ + packed_forward_size_;
  if (mode_ == Backward::dense)
    backward_dense(count, x, frame_gradient(count, y, winner, dy, scratch), packed, dx, partial, scratch);
  else
    backward_winners(count, x, winner, dy, packed, dx, partial, scratch);

  if (!partial) return;
  float* dbias = partial + partial_size_;
  if (fusion_.max_pool) {
    k_.sum_winners(dy, winner, dbias, count * pixels_ / 4, params_.filters);
  } else if (mode_ == Backward::dense) {
    const float* framed = copy_dy_ ? scratch + at_dy_ : dy;
    for_rows(dy_frame_, count,
             [&](int64_t, int64_t at, int64_t) { k_.sum_rows(framed + at, dbias, dy_frame_.width, params_.filters); });
  }
}

// The gradient before the activation (and before the pool), inside the border that the gradient of the input reads.
const float* Conv2dPlan::frame_gradient(int64_t count, const float* y, const uint8_t* winner, const float* dy,
                                        float* scratch) const {
  if (!copy_dy_) return dy;
  float* framed = scratch + at_dy_;
  if (fusion_.max_pool) {
    std::fill_n(framed, count * dy_frame_.size(), 0.0f);
    k_.unpool({dy, winner, candidate_.data(), count * pixels_ / 4, windows_padded_, params_.filters, framed});
    if (rounds_dy()) round(framed, framed, count * dy_frame_.size());
    return framed;
  }
  clear_border(dy_frame_, count, framed);
  const bool linear = fusion_.activation == Activation::linear;
  for_rows(dy_frame_, count, [&](int64_t from, int64_t to, int64_t width) {
    const float* before = dy + from;  // the activation
    if (!linear || !rounds_dy()) {
      activation_rows_backward(k_, fusion_.activation, dy_frame_.width, params_.filters, linear ? y : y + from, before,
                               framed + to);
      before = framed + to;
    }
    if (rounds_dy()) round(before, framed + to, width);
  });
  return framed;
}

void Conv2dPlan::backward_dense(int64_t count, const float* x, const float* dy, const float* packed, float* dx,
                                float* partial, float* scratch) const {
  if (partial) weights_gradient(count, x, dy, partial, scratch);
  if (dx) data_gradient(count, dy, packed, dx, scratch);
}

void Conv2dPlan::weights_gradient(int64_t count, const float* x, const float* dy, float* partial,
                                  float* scratch) const {
  if (tiled_weights_) return tiled_weights_->run(count, x, dy, partial, scratch + at_tiled_);
  if (depthwise_) return depthwise_->backward_weights(count, x, dy, partial);
  const int64_t pixels = count * pixels_;
  if (!weight_tiles_.empty()) {
    const int64_t channels = params_.in_channels, filters = params_.filters;
    return k_.winograd_gradient({x, forward_tiles_.x_offset.data(), channels, x_frame_.full_width() * channels, dy,
                                 weight_tiles_.data(), filters, dy_frame_.full_width() * filters,
                                 count * forward_tiles_.per_image, channels, filters, count_up_.data(), partial,
                                 scratch + at_squares_});
  }
  if (pixel_row_ > 0) {
    GemmRowsWeightsArgs a;
    a.x = x, a.x_offset = tables_.x_offset.data(), a.k_offset = tables_.k_offset.data();
    a.pixels = pixels, a.row = pixel_row_, a.depth = depth_, a.cols = params_.filters;
    a.dy = dy, a.dy_offset = dy_offset_.data(), a.dw = partial, a.ldw = params_.filters;
    a.planes = scratch + at_planes_;
    return k_.gemm_rows_weights(a);
  }
  const int64_t channels = params_.in_channels / params_.groups, filters = params_.filters / params_.groups;
  for (int64_t g = 0; g < params_.groups; ++g)
    k_.gemm_weights({x + g * channels, tables_.x_offset.data(), tables_.k_offset.data(), pixels, depth_, filters,
                     dy + g * filters, dy_offset_.data(), partial + g * filters, params_.filters});
}

void Conv2dPlan::data_gradient(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const {
  if (tiled_data_)
    return tiled_data_->run(count, x_size_, {dy, packed, nullptr, dx, nullptr, false, scratch + at_tiled_});
  if (depthwise_) return depthwise_->backward_data(count, dy, packed, dx, streams(params_.filters));
  if (data_tiles_.used()) {
    WinogradArgs a{};
    a.x = dy, a.w = packed, a.y = dx, a.filters = params_.in_channels;
    a.stream = streams(params_.in_channels), a.scratch = scratch + at_tiles_;
    return run_tiles(data_tiles_, dy_frame_, 0, count * data_tiles_.per_image, a);
  }
  if (data_planes_.used()) return planar_data_gradient(count, dy, packed, dx, scratch);
  const int64_t channels = params_.in_channels / params_.groups, filters = params_.filters / params_.groups;
  for (const Phase& phase : data_.phases) {
    const int64_t pixels = static_cast<int64_t>(phase.dy_offset.size()) / backward_images_ * count;
    const int64_t taps = static_cast<int64_t>(phase.taps.size());
    for (int64_t g = 0; g < params_.groups; ++g)
      k_.gemm({dy + g * filters, phase.dy_offset.data(), phase.k_offset.data(), pixels, taps * filters, channels,
               packed + g * channels, params_.in_channels, nullptr, dx + g * channels, phase.dx_offset.data(), false,
               streams(channels)});
    packed += taps * filters * params_.in_channels;
  }
}

void Conv2dPlan::planar_data_gradient(int64_t count, const float* dy, const float* packed, float* dx,
                                      float* scratch) const {
  const int64_t filters = params_.filters, channels = params_.in_channels, pitch = dy_frame_.full_width();
  float* x = scratch + at_planes_;
  float* y = x + filters * data_planes_.x_plane;
  for (int64_t n = 0; n < count; ++n, dy += dy_frame_.size()) {
    k_.transpose(dy, filters, x, data_planes_.x_plane, dy_frame_.full_height() * pitch, filters);
    k_.planar({x, data_planes_.k_offset.data(), data_planes_.length,
               params_.kernel_height * params_.kernel_width * filters, channels, packed, channels, y,
               data_planes_.y_plane});
    for (int64_t i = 0; i < params_.in_height; ++i)
      for (int64_t j = 0; j < params_.in_width; ++j)
        for (int64_t c = 0; c < channels; ++c) *dx++ = y[c * data_planes_.y_plane + i * pitch + j];
  }
}

void Conv2dPlan::backward_winners(int64_t count, const float* x, const uint8_t* winner, const float* dy,
                                  const float* packed, float* dx, float* partial, float* scratch) const {
  const int64_t windows = count * pixels_ / 4;
  if (mode_ == Backward::patch) {
    if (partial)
      k_.patch_weights({x, candidate_.data(), x_frame_.full_width(), windows, params_.filters, dy, winner, partial});
    return;
  }
  const int64_t capacity = windows_padded_ + 16;
  float* value = scratch + at_value_;
  int32_t* offset = reinterpret_cast<int32_t*>(scratch + at_offset_);
  int32_t* entries = reinterpret_cast<int32_t*>(scratch + at_count_);
  k_.winner_lists({dy, winner, candidate_.data(), windows, windows_padded_, params_.filters, value, offset, entries,
                   capacity, scratch + at_lists_});
  if (reduced()) round(value, value, params_.filters * capacity);
  float* framed_dx = copy_dx_ ? scratch + at_dx_ : dx;
  const SparseArgs a{
      value, offset,  entries, params_.filters, capacity, segment_.data(), static_cast<int64_t>(segment_.size()),
      x,     partial, packed,  framed_dx};
  if (partial) k_.sparse_weights(a);
  if (!dx) return;
  std::fill_n(framed_dx, count * x_frame_.size(), 0.0f);
  k_.sparse_data(a);
  if (copy_dx_) copy_out_of_frame(x_frame_, count, framed_dx, dx);
}

// Adds the partials' [at, at + size) in order into `to`, which may be the first partial's own.
static void sum_partials(const Kernels& k, const Partials& partials, int64_t at, int64_t size, float* to) {
  if (to != partials.first + at) std::copy_n(partials.first + at, size, to);
  for (int64_t i = 1; i < partials.count; ++i) k.accumulate(partials.first + i * partials.stride + at, to, size);
}

Conv2dPlan::Range Conv2dPlan::reduce(int64_t task, const Partials& partials, float* dkernel) const {
  const int64_t filters = params_.filters;
  const int64_t rows = depth_ / params_.kernel_height;
  const Range range{task * rows * filters, rows * filters};
  if (!weight_tiles_.empty()) {
    k_.winograd_reduce(
        {partials.first, partials.count, partials.stride, task, params_.in_channels, filters, dkernel + range.begin});
    return range;
  }
  if (mode_ != Backward::sparse) {
    sum_partials(k_, partials, range.begin, range.size, dkernel + range.begin);
    return range;
  }
  // The partials hold one window per filter; their sum goes to the first of them and is then turned.
  const int64_t padded_row = row_vectors() * k_.width, ld = params_.kernel_height * padded_row;
  float* total = partials.first + task * padded_row;
  for (int64_t f = 0; f < filters; ++f)
    sum_partials(k_, partials, f * ld + task * padded_row, padded_row, total + f * ld);
  k_.transpose(total, ld, dkernel + range.begin, filters, filters, rows);
  return range;
}

void Conv2dPlan::reduce_bias(const Partials& partials, float* dbias) const {
  sum_partials(k_, partials, partial_size_, params_.filters, dbias);
}

}  // namespace cnncore
