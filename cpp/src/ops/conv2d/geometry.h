// Where the operands of a convolution are in memory: the tables of offsets with which kernels compute it as a matrix
// product (kernels/contracts.h).
#pragma once

#include <vector>

#include "cnncore/conv2d.h"

namespace cnncore {

using Offsets = std::vector<int32_t>;

/// An image inside a border of zeros. If the border is empty, it is the plain NHWC image.
struct Frame {
  int64_t height, width, channels;  // the size of the image, without the border
  Padding border;

  int64_t full_height() const { return height + border.top + border.bottom; }
  int64_t full_width() const { return width + border.left + border.right; }
  int64_t size() const { return full_height() * full_width() * channels; }
  bool has_border() const { return border.top || border.bottom || border.left || border.right; }
  /// The offset, in floats, of pixel (y, x) of the image.
  int32_t offset(int64_t y, int64_t x) const {
    return static_cast<int32_t>(((y + border.top) * full_width() + x + border.left) * channels);
  }
};

/// The order in which pixels are listed: row by row, or 2x2 window by window, where the windows go row by row.
enum class PixelOrder { rows, windows };

/// The offsets of the forward product over several consecutive images.
struct ForwardTables {
  Offsets x_offset;    // for each output pixel: its window in consecutive frames of x
  Offsets y_offset;    // for each output pixel, or each 2x2 window of them: its place in consecutive outputs
  Offsets k_offset;    // for each (ky, kx, channel of one group): its place in a window
  Offsets tap_offset;  // for each (ky, kx): its place in a window
};
ForwardTables forward_tables(const Conv2dParams& params, const Frame& x, int64_t images, PixelOrder order);

/// The squares that cover an output, for Winograd's algorithm. Each is `side` pixels high and wide.
struct Squares {
  int64_t per_image = 0;
  Offsets x_offset;  // for each square: where the pixels that it reads begin
  Offsets y_offset;  // for each square: its pixels, row by row; one outside the output has the offset of the first one
};
int64_t square_count(int64_t height, int64_t width, int64_t side);
/// x_begin is the offset in a frame of x at which the pixels of the first square begin. y is the plain output. For the
/// next pixel of y, the place in x is `step` rows or columns further: the stride, or 2 if y is the output of a 2x2
/// pool, where a pixel of y stands for two rows and columns of what the pool reads, whose squares have sides of 2 *
/// side.
Squares squares(const Frame& x, int32_t x_begin, const Frame& y, int64_t images, int64_t side, int64_t step);

/// The offsets of the output pixels in consecutive frames of dy, in the given order.
Offsets output_offsets(const Frame& dy, int64_t images, PixelOrder order);

/// The gradient of the input is a sum of convolutions of dy with the flipped kernel. There is one for each remainder of
/// the input's position divided by the stride. It uses only those taps of the kernel by which an output pixel reads
/// such positions.
struct StridePhase {
  std::vector<int64_t> taps;  // ky * kernel_width + kx of each tap
  Offsets dy_offset;          // for each input pixel of this phase: its place in consecutive frames of dy
  Offsets dx_offset;          // for each input pixel of this phase: its place in consecutive plain images
  Offsets tap_offset;         // for each tap: its distance from dy_offset, which is not negative
  Offsets k_offset;           // for each (tap, filter of one group): its distance from dy_offset
};
/// The smallest border of dy that contains all that the phases read.
Padding data_border(const Conv2dParams& params);
/// The phases for several consecutive images. The border of dy must be at least data_border.
std::vector<StridePhase> data_phases(const Conv2dParams& params, const Frame& dy, int64_t images);

}  // namespace cnncore
