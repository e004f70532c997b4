#include "ops/conv2d/pixel_classes.h"

#include <algorithm>

namespace cnncore {
namespace {

// Positions along one axis that read by the same taps, at the same distances from the place that their first tap reads.
struct AxisClass {
  std::vector<int64_t> taps, reach;
  struct Position {
    int64_t to, from;
  };
  std::vector<Position> positions;
};

// source(position, tap) is the place that a tap reads. Places below zero and places from `limit` on do not exist, and
// such taps are left out.
template <class Source>
std::vector<AxisClass> axis_classes(int64_t size, int64_t taps, int64_t limit, Source source) {
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

struct Frames {
  const Frame& from;
  const Frame& to;
};

std::vector<PixelClass> pixel_classes(const std::vector<AxisClass>& rows, const std::vector<AxisClass>& columns,
                                      const Frames& frames, int64_t images, const Conv2dParams& p) {
  const Frame& from = frames.from;
  const Frame& to = frames.to;
  std::vector<PixelClass> classes;
  for (const AxisClass& row : rows)
    for (const AxisClass& column : columns) {
      PixelClass c;
      for (size_t y = 0; y < row.taps.size(); ++y)
        for (size_t x = 0; x < column.taps.size(); ++x) {
          const int64_t tap = row.taps[y] * p.kernel_width + column.taps[x];
          c.tap_offset.push_back(from.offset(row.reach[y], column.reach[x]) - from.offset(0, 0));
          c.w_offset.push_back(static_cast<int32_t>(tap * p.filters));
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

Frame plain_x(const Conv2dParams& p) { return {p.in_height, p.in_width, p.in_channels, {}}; }

}  // namespace

std::vector<PixelClass> output_classes(const Conv2dParams& p, const Frame& y, int64_t images) {
  const Frame x = plain_x(p);
  const auto axis = [](int64_t size, int64_t kernel, int64_t limit, int64_t stride, int64_t dilation, int64_t before) {
    return axis_classes(size, kernel, limit, [=](int64_t i, int64_t k) { return i * stride + k * dilation - before; });
  };
  return pixel_classes(axis(y.height, p.kernel_height, x.height, p.stride_height, p.dilation_height, p.padding.top),
                       axis(y.width, p.kernel_width, x.width, p.stride_width, p.dilation_width, p.padding.left), {x, y},
                       images, p);
}

std::vector<PixelClass> input_classes(const Conv2dParams& p, const Frame& dy, int64_t images) {
  const Frame x = plain_x(p);
  const auto axis = [](int64_t size, int64_t kernel, int64_t limit, int64_t stride, int64_t dilation, int64_t before) {
    return axis_classes(size, kernel, limit, [=](int64_t i, int64_t k) {
      const int64_t at = i + before - k * dilation;
      return at >= 0 && at % stride == 0 ? at / stride : -1;
    });
  };
  return pixel_classes(axis(x.height, p.kernel_height, dy.height, p.stride_height, p.dilation_height, p.padding.top),
                       axis(x.width, p.kernel_width, dy.width, p.stride_width, p.dilation_width, p.padding.left),
                       {dy, x}, images, p);
}

}  // namespace cnncore
