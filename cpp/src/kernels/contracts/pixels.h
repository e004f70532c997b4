// The contract of the kernel that moves images by whole pixels. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// The number of bytes of MoveArgs::fill: as many as the longest vector has.
constexpr int kFillBytes = 64;

/// Writes one after the other to y:
///   before                     bytes of the fill value
///   x[r][j] or x[r][pixels - 1 - j]    for row r = 0, j < pixels
///   gap                        bytes of the fill value
///   ...                        rows r = 1, 2, ... < rows, with a gap between every two
///   after                      bytes of the fill value
/// A pixel has pixel_bytes bytes, of whatever type. Row r of x begins at x + r * x_stride, a stride in bytes that may
/// be negative. `mirrored` says which of the two orders the pixels of a row have. `fill` is kFillBytes bytes of copies
/// of the fill value; sizes of a pixel are multiples of the size of this value. x and y do not overlap.
struct MoveArgs {
  const uint8_t* x;
  int64_t x_stride;
  int64_t rows, pixels, pixel_bytes;
  bool mirrored;
  uint8_t* y;
  int64_t before, gap, after;
  const uint8_t* fill;
};

}  // namespace cnncore
