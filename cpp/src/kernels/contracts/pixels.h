// The contract of the kernel that mirrors rows of pixels. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// y[r][j] = x[r][pixels - 1 - j]      r < rows, j < pixels
/// where a pixel has pixel_bytes bytes, of whatever type, and row r begins at x + r * x_stride and at y + r * y_stride,
/// strides in bytes (that of x may be negative). x and y do not overlap.
struct MirrorArgs {
  const uint8_t* x;
  int64_t x_stride;
  uint8_t* y;
  int64_t y_stride;
  int64_t rows, pixels, pixel_bytes;
};

}  // namespace cnncore
