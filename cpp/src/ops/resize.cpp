// Padding, cropping and upsampling of images, as functions of arrays.
#include "cnncore/resize.h"

#include <algorithm>
#include <cmath>

#include "ops/resize_rows.h"
#include "ops/validate.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

int64_t size_of(const ImageSize& in) { return in.height * in.width * in.channels; }

void check_image(const char* op, const ImageSize& in) {
  check_sizes(op, {{"height", in.height}, {"width", in.width}, {"channels", in.channels}}, 1);
  check_image_fits(op, in.height, in.width, in.channels);
}

void check_sides(const char* op, const Padding& p) {
  check_sizes(op, {{"top", p.top}, {"bottom", p.bottom}, {"left", p.left}, {"right", p.right}}, 0);
}

}  // namespace

Shape zero_padding2d_output_shape(const ImageSize& in, const Padding& p) {
  constexpr const char* op = "[zero_padding2d] ";
  check_image(op, in), check_sides(op, p);
  const Shape out = {in.height + p.top + p.bottom, in.width + p.left + p.right, in.channels};
  check_image_fits(op, out[0], out[1], out[2]);
  return out;
}

Shape cropping2d_output_shape(const ImageSize& in, const Padding& p) {
  constexpr const char* op = "[cropping2d] ";
  check_image(op, in), check_sides(op, p);
  check(p.top + p.bottom < in.height && p.left + p.right < in.width, op,
        "expected to leave at least one pixel of an image of ", in.height, "x", in.width, ". Received: ((", p.top, ", ",
        p.bottom, "), (", p.left, ", ", p.right, "))");
  return {in.height - p.top - p.bottom, in.width - p.left - p.right, in.channels};
}

void pad_rows(int64_t count, const ImageSize& in, const Padding& p, const float* x, float* y) {
  const int64_t row = in.width * in.channels, left = p.left * in.channels, right = p.right * in.channels;
  const int64_t out_row = left + row + right;
  for (int64_t n = 0; n < count; ++n) {
    y = std::fill_n(y, p.top * out_row, 0.0f);
    for (int64_t i = 0; i < in.height; ++i, x += row)
      y = std::fill_n(std::copy_n(x, row, std::fill_n(y, left, 0.0f)), right, 0.0f);
    y = std::fill_n(y, p.bottom * out_row, 0.0f);
  }
}

void crop_rows(const Kernels& k, int64_t count, const ImageSize& in, const Padding& p, const float* x, float* y,
               bool accumulate) {
  const int64_t in_row = in.width * in.channels, row = in_row - (p.left + p.right) * in.channels;
  const int64_t rows = in.height - p.top - p.bottom;
  for (int64_t n = 0; n < count; ++n, x += size_of(in)) {
    const float* from = x + p.top * in_row + p.left * in.channels;
    for (int64_t i = 0; i < rows; ++i, from += in_row, y += row)
      accumulate ? k.accumulate(from, y, row) : static_cast<void>(std::copy_n(from, row, y));
  }
}

void zero_padding2d(const ImageSize& in, const Padding& padding, int64_t batch, const float* x, float* y) {
  const int64_t out = element_count(zero_padding2d_output_shape(in, padding)), size = size_of(in);
  parallel_for(batch, batch * out, [&](int64_t n, int) { pad_rows(1, in, padding, x + n * size, y + n * out); });
}

void cropping2d(const ImageSize& in, const Padding& cropping, int64_t batch, const float* x, float* y) {
  const int64_t out = element_count(cropping2d_output_shape(in, cropping)), size = size_of(in);
  parallel_for(batch, batch * out,
               [&](int64_t n, int) { crop_rows(kernels(), 1, in, cropping, x + n * size, y + n * out); });
}

Shape upsampling2d_output_shape(const Upsampling2dParams& p) {
  constexpr const char* op = "[upsampling2d] ";
  check_image(op, p.in);
  check_sizes(op, {{"the height's factor", p.height_factor}, {"the width's factor", p.width_factor}}, 1);
  const Shape out = {multiply(op, p.in.height, p.height_factor), multiply(op, p.in.width, p.width_factor),
                     p.in.channels};
  check_image_fits(op, out[0], out[1], out[2]);
  return out;
}

UpsamplingPlan::Axis UpsamplingPlan::axis(int64_t size, int64_t factor, int64_t pitch) {
  Axis axis;
  for (int64_t o = 0; o < size * factor; ++o) {
    const double at = (static_cast<double>(o) + 0.5) / static_cast<double>(factor) - 0.5, floor = std::floor(at);
    const auto held = [&](int64_t i) { return std::clamp<int64_t>(i, 0, size - 1) * pitch; };
    axis.low.push_back(held(static_cast<int64_t>(floor)));
    axis.high.push_back(held(static_cast<int64_t>(floor) + 1));
    axis.weight.push_back(static_cast<float>(at - floor));
  }
  return axis;
}

UpsamplingPlan::UpsamplingPlan(const Upsampling2dParams& params)
    : params_(params), output_(upsampling2d_output_shape(params)) {
  if (!params.bilinear) return;
  rows_ = axis(params.in.height, params.height_factor, params.in.width * params.in.channels);
  cols_ = axis(params.in.width, params.width_factor, params.in.channels);
}

BilinearArgs UpsamplingPlan::interpolation() const { return {rows_.view(), cols_.view(), params_.in.channels}; }

void UpsamplingPlan::forward(const Kernels& k, int64_t count, const float* x, float* y) const {
  const int64_t channels = params_.in.channels, pixels = params_.in.height * params_.in.width;
  const int64_t in_row = params_.in.width * channels, out_row = output_[1] * channels;
  for (int64_t n = 0; n < count; ++n, x += pixels * channels, y += output_[0] * out_row) {
    if (params_.bilinear) {
      k.bilinear(interpolation(), x, y);
      continue;
    }
    float* to = y;
    for (int64_t i = 0; i < params_.in.height; ++i) {
      const float* row = to;
      for (const float* pixel = x + i * in_row; pixel < x + (i + 1) * in_row; pixel += channels)
        for (int64_t j = 0; j < params_.width_factor; ++j) to = std::copy_n(pixel, channels, to);
      for (int64_t j = 1; j < params_.height_factor; ++j) to = std::copy_n(row, out_row, to);
    }
  }
}

void UpsamplingPlan::backward(const Kernels& k, int64_t count, const float* dy, float* dx, bool accumulate) const {
  const int64_t channels = params_.in.channels, size = size_of(params_.in), out_row = output_[1] * channels;
  if (!accumulate) std::fill_n(dx, count * size, 0.0f);
  for (int64_t n = 0; n < count; ++n, dx += size, dy += output_[0] * out_row) {
    if (params_.bilinear) {
      k.bilinear_backward(interpolation(), dy, dx);
      continue;
    }
    for (int64_t i = 0; i < output_[0]; ++i) {
      const float* from = dy + i * out_row;
      float* pixel = dx + i / params_.height_factor * params_.in.width * channels;
      for (int64_t j = 0; j < params_.in.width; ++j, pixel += channels, from += params_.width_factor * channels)
        k.sum_rows(from, pixel, params_.width_factor, channels);
    }
  }
}

void upsampling2d(const Upsampling2dParams& params, int64_t batch, const float* x, float* y) {
  const UpsamplingPlan plan(params);
  const int64_t out = element_count(plan.output_shape()), size = size_of(params.in);
  parallel_for(batch, 4 * batch * out, [&](int64_t n, int) { plan.forward(kernels(), 1, x + n * size, y + n * out); });
}

void upsampling2d_backward(const Upsampling2dParams& params, int64_t batch, const float* dy, float* dx) {
  const UpsamplingPlan plan(params);
  const int64_t out = element_count(plan.output_shape()), size = size_of(params.in);
  parallel_for(batch, 4 * batch * out,
               [&](int64_t n, int) { plan.backward(kernels(), 1, dy + n * out, dx + n * size, false); });
}

}  // namespace cnncore
