#include "ops/conv2d/geometry.h"

#include <algorithm>

namespace cnncore {
namespace {

// Calls f(y, x) for every pixel of an image in the given order. In the order of windows, an odd last row or column is
// left out, because it belongs to no 2x2 window.
template <class Function>
void for_pixels(int64_t height, int64_t width, PixelOrder order, Function f) {
  const int64_t side = order == PixelOrder::windows ? 2 : 1;
  for (int64_t y = 0; y + side <= height; y += side)
    for (int64_t x = 0; x + side <= width; x += side)
      for (int64_t i = 0; i < side * side; ++i) f(y + i / side, x + i % side);
}

// The gradient of the input along one axis, for the input positions first, first + stride, first + 2 stride, ...
struct AxisPhase {
  int64_t first;
  int64_t count;  // how many positions there are
  // For each tap that reads these positions: its place in the kernel, and the output position that reads `first` by it.
  std::vector<std::pair<int64_t, int64_t>> tap;
};

std::vector<AxisPhase> axis_phases(int64_t size, int64_t kernel, int64_t stride, int64_t dilation, int64_t before) {
  std::vector<AxisPhase> phases;
  for (int64_t first = 0; first < std::min(stride, size); ++first) {
    AxisPhase phase{first, (size - first + stride - 1) / stride, {}};
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t at = first + before - k * dilation;
      if (at % stride == 0) phase.tap.emplace_back(k, at / stride);
    }
    phases.push_back(std::move(phase));
  }
  return phases;
}

// How far the output positions of the taps reach beyond both ends of an output with `size` positions.
PaddingPair reach_outside(const std::vector<AxisPhase>& phases, int64_t size) {
  PaddingPair reach{0, 0};
  for (const AxisPhase& phase : phases) {
    for (const auto& tap : phase.tap) {
      reach.before = std::max(reach.before, -tap.second);
      reach.after = std::max(reach.after, tap.second + phase.count - size);
    }
  }
  return reach;
}

StridePhase make_phase(const AxisPhase& rows, const AxisPhase& columns, const Conv2dParams& p, const Frame& dy,
                       int64_t images) {
  StridePhase phase;
  // The offset of a pixel is that of the smallest output position, so that the offsets of taps, which are added to it,
  // are not negative.
  int64_t base_y = 0, base_x = 0;
  for (const auto& tap : rows.tap) base_y = std::min(base_y, tap.second);
  for (const auto& tap : columns.tap) base_x = std::min(base_x, tap.second);
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t i = 0; i < rows.count; ++i) {
      for (int64_t j = 0; j < columns.count; ++j) {
        const int64_t y = rows.first + i * p.stride_height, x = columns.first + j * p.stride_width;
        phase.dy_offset.push_back(static_cast<int32_t>(n * dy.size()) + dy.offset(base_y + i, base_x + j));
        phase.dx_offset.push_back(static_cast<int32_t>(((n * p.in_height + y) * p.in_width + x) * p.in_channels));
      }
    }
  }
  for (const auto& [ky, y] : rows.tap) {
    for (const auto& [kx, x] : columns.tap) {
      phase.taps.push_back(ky * p.kernel_width + kx);
      phase.tap_offset.push_back(dy.offset(y, x) - dy.offset(base_y, base_x));
    }
  }
  for (const int32_t tap : phase.tap_offset)
    for (int64_t f = 0; f < p.filters / p.groups; ++f) phase.k_offset.push_back(tap + static_cast<int32_t>(f));
  return phase;
}

}  // namespace

ForwardTables forward_tables(const Conv2dParams& p, const Frame& x, int64_t images, PixelOrder order) {
  const Shape out = conv2d_output_shape(p);
  ForwardTables tables;
  for (int64_t n = 0; n < images; ++n) {
    for_pixels(out[0], out[1], order, [&](int64_t i, int64_t j) {
      const int32_t begin = x.offset(i * p.stride_height - p.padding.top, j * p.stride_width - p.padding.left);
      tables.x_offset.push_back(static_cast<int32_t>(n * x.size()) + begin);
    });
  }
  const size_t outputs = order == PixelOrder::windows ? tables.x_offset.size() / 4 : tables.x_offset.size();
  for (size_t i = 0; i < outputs; ++i)
    tables.y_offset.push_back(static_cast<int32_t>(static_cast<int64_t>(i) * p.filters));
  for (int64_t ky = 0; ky < p.kernel_height; ++ky)
    for (int64_t kx = 0; kx < p.kernel_width; ++kx)
      tables.tap_offset.push_back(
          static_cast<int32_t>((ky * p.dilation_height * x.full_width() + kx * p.dilation_width) * x.channels));
  for (const int32_t tap : tables.tap_offset)
    for (int64_t c = 0; c < p.in_channels / p.groups; ++c) tables.k_offset.push_back(tap + static_cast<int32_t>(c));
  return tables;
}

int64_t square_count(int64_t height, int64_t width, int64_t side) {
  return (height + side - 1) / side * ((width + side - 1) / side);
}

Squares squares(const Frame& x, int32_t x_begin, const Frame& y, int64_t images, int64_t side, int64_t step) {
  Squares squares;
  squares.per_image = square_count(y.height, y.width, side);
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t i = 0; i < y.height; i += side) {
      for (int64_t j = 0; j < y.width; j += side) {
        squares.x_offset.push_back(static_cast<int32_t>(n * x.size() + step * (i * x.full_width() + j) * x.channels) +
                                   x_begin);
        for (int64_t k = 0; k < side * side; ++k) {
          const int64_t row = i + k / side, column = j + k % side;
          const bool inside = row < y.height && column < y.width;
          squares.y_offset.push_back(static_cast<int32_t>(n * y.size()) +
                                     (inside ? y.offset(row, column) : y.offset(i, j)));
        }
      }
    }
  }
  return squares;
}

Offsets output_offsets(const Frame& dy, int64_t images, PixelOrder order) {
  Offsets offsets;
  for (int64_t n = 0; n < images; ++n)
    for_pixels(dy.height, dy.width, order,
               [&](int64_t i, int64_t j) { offsets.push_back(static_cast<int32_t>(n * dy.size()) + dy.offset(i, j)); });
  return offsets;
}

namespace {

struct DataAxes {
  explicit DataAxes(const Conv2dParams& p)
      : rows(axis_phases(p.in_height, p.kernel_height, p.stride_height, p.dilation_height, p.padding.top)),
        columns(axis_phases(p.in_width, p.kernel_width, p.stride_width, p.dilation_width, p.padding.left)) {}
  std::vector<AxisPhase> rows, columns;
};

}  // namespace

Padding data_border(const Conv2dParams& p) {
  const Shape out = conv2d_output_shape(p);
  const DataAxes axes(p);
  const PaddingPair y = reach_outside(axes.rows, out[0]), x = reach_outside(axes.columns, out[1]);
  return {y.before, y.after, x.before, x.after};
}

std::vector<StridePhase> data_phases(const Conv2dParams& p, const Frame& dy, int64_t images) {
  const DataAxes axes(p);
  std::vector<StridePhase> phases;
  for (const AxisPhase& row : axes.rows)
    for (const AxisPhase& column : axes.columns) phases.push_back(make_phase(row, column, p, dy, images));
  return phases;
}

}  // namespace cnncore
