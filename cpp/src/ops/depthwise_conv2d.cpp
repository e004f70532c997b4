#include "ops/depthwise_conv2d.h"

#include <algorithm>

namespace cnncore {

// Positions along one axis whose taps are the same, and as far from the first one's place.
struct DepthwiseConv2d::AxisClass {
  std::vector<int64_t> taps, reach;
  struct Position {
    int64_t to, from;
  };
  std::vector<Position> positions;
};

// source(position, tap) is where a tap reads; below zero, or not below `limit`, there is nothing.
template <class Source>
std::vector<DepthwiseConv2d::AxisClass> DepthwiseConv2d::axis_classes(int64_t size, int64_t taps, int64_t limit,
                                                                      Source source) {
  std::vector<AxisClass> classes;
  for (int64_t i = 0; i < size; ++i) {
    AxisClass one;
    int64_t first = 0;
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t at = source(i, k);
      if (at < 0 || at >= limit) continue;
      if (one.taps.empty()) first = at;
      one.taps.push_back(k);
      one.reach.push_back(at - first);
    }
    auto same = std::find_if(classes.begin(), classes.end(),
                             [&](const AxisClass& c) { return c.taps == one.taps && c.reach == one.reach; });
    if (same == classes.end()) same = classes.insert(classes.end(), std::move(one));
    same->positions.push_back({i, first});
  }
  return classes;
}

std::vector<DepthwiseConv2d::PixelClass> DepthwiseConv2d::pixel_classes(const std::vector<AxisClass>& rows,
                                                                        const std::vector<AxisClass>& columns,
                                                                        const Frame& from, const Frame& to,
                                                                        int64_t images) const {
  std::vector<PixelClass> classes;
  for (const AxisClass& row : rows)
    for (const AxisClass& column : columns) {
      PixelClass c;
      for (size_t y = 0; y < row.taps.size(); ++y)
        for (size_t x = 0; x < column.taps.size(); ++x) {
          const int64_t tap = row.taps[y] * params_.kernel_width + column.taps[x];
          c.tap_offset.push_back(from.offset(row.reach[y], column.reach[x]));
          c.w_offset.push_back(static_cast<int32_t>(tap * params_.filters));
        }
      c.per_image = static_cast<int64_t>(row.positions.size() * column.positions.size());
      c.from_offset.reserve(static_cast<size_t>(images * c.per_image));
      c.to_offset.reserve(static_cast<size_t>(images * c.per_image));
      for (int64_t n = 0; n < images; ++n)
        for (const auto& y : row.positions)
          for (const auto& x : column.positions) {
            c.from_offset.push_back(static_cast<int32_t>(n * from.size()) + from.offset(y.from, x.from));
            c.to_offset.push_back(static_cast<int32_t>(n * to.size()) + to.offset(y.to, x.to));
          }
      classes.push_back(std::move(c));
    }
  return classes;
}

DepthwiseConv2d::DepthwiseConv2d(const Conv2dParams& p, int64_t images, bool input_grad, const Kernels& kernels)
    : params_(p), k_(kernels) {
  const Shape out = conv2d_output_shape(p);
  const Frame x{p.in_height, p.in_width, p.in_channels, {}}, y{out[0], out[1], p.filters, {}};
  const auto forward = [](int64_t stride, int64_t dilation, int64_t before) {
    return [=](int64_t i, int64_t k) { return i * stride + k * dilation - before; };
  };
  const auto data = [](int64_t stride, int64_t dilation, int64_t before) {
    return [=](int64_t i, int64_t k) {
      const int64_t at = i + before - k * dilation;
      return at >= 0 && at % stride == 0 ? at / stride : -1;
    };
  };
  forward_ = pixel_classes(
      axis_classes(out[0], p.kernel_height, p.in_height, forward(p.stride_height, p.dilation_height, p.padding.top)),
      axis_classes(out[1], p.kernel_width, p.in_width, forward(p.stride_width, p.dilation_width, p.padding.left)), x, y,
      images);
  if (!input_grad) return;
  data_ = pixel_classes(
      axis_classes(p.in_height, p.kernel_height, out[0], data(p.stride_height, p.dilation_height, p.padding.top)),
      axis_classes(p.in_width, p.kernel_width, out[1], data(p.stride_width, p.dilation_width, p.padding.left)), y, x,
      images);
}

void DepthwiseConv2d::run(const std::vector<PixelClass>& classes, int64_t count, DepthwiseArgs a) const {
  for (const PixelClass& c : classes) {
    a.x_offset = c.from_offset.data(), a.y_offset = c.to_offset.data(), a.pixels = count * c.per_image;
    a.tap_offset = c.tap_offset.data(), a.w_offset = c.w_offset.data();
    a.taps = static_cast<int64_t>(c.tap_offset.size()), a.channels = params_.filters;
    k_.depthwise(a);
  }
}

void DepthwiseConv2d::forward(int64_t count, const float* x, const float* kernel, const float* bias, float* y,
                              bool relu, bool stream) const {
  DepthwiseArgs a{};
  a.x = x, a.w = kernel, a.bias = bias, a.y = y, a.relu = relu, a.stream = stream;
  run(forward_, count, a);
}

void DepthwiseConv2d::backward_data(int64_t count, const float* dy, const float* kernel, float* dx, bool stream) const {
  DepthwiseArgs a{};
  a.x = dy, a.w = kernel, a.y = dx, a.stream = stream;
  run(data_, count, a);
}

void DepthwiseConv2d::backward_weights(int64_t count, const float* x, const float* dy, float* dw) const {
  for (const PixelClass& c : forward_)
    k_.depthwise_weights({x, c.from_offset.data(), c.tap_offset.data(), count * c.per_image,
                          static_cast<int64_t>(c.tap_offset.size()), params_.filters, dy, c.to_offset.data(), dw,
                          c.w_offset.data()});
}

}  // namespace cnncore
