// Where the operands of a convolution lie: the offset tables that turn it into indirect matrix products (kernels.h).
#pragma once

#include <vector>

#include "cnncore/conv2d.h"

namespace cnncore {

using Offsets = std::vector<int32_t>;

/// An image inside a border of zeros. Without a border it is the plain NHWC image.
struct Frame {
  int64_t height, width, channels;  // of the image
  Padding border;

  int64_t full_height() const { return height + border.top + border.bottom; }
  int64_t full_width() const { return width + border.left + border.right; }
  int64_t size() const { return full_height() * full_width() * channels; }
  bool has_border() const { return border.top || border.bottom || border.left || border.right; }
  /// Of pixel (y, x) of the image.
  int32_t offset(int64_t y, int64_t x) const {
    return static_cast<int32_t>(((y + border.top) * full_width() + x + border.left) * channels);
  }
};

enum class PixelOrder { rows, windows };  // row by row, or 2x2 window by window (the windows row by row)

/// The forward product: x pixels and terms, over `images` consecutive images.
struct ForwardTables {
  Offsets x_offset;    // per pixel, into consecutive frames of x
  Offsets y_offset;    // per pixel, or per 2x2 window, into consecutive outputs
  Offsets k_offset;    // per (ky, kx, c of one group)
  Offsets tap_offset;  // per (ky, kx)
};
ForwardTables forward_tables(const Conv2dParams& params, const Frame& x, int64_t images, PixelOrder order);

/// The 2x2 squares that cover an output of height x width pixels, for Winograd's algorithm.
struct Squares {
  int64_t per_image = 0;
  Offsets x_offset;  // per square: the 4x4 pixels it reads
  Offsets y_offset;  // four per square; a pixel outside repeats the first
};
int64_t square_count(int64_t height, int64_t width);
/// x_begin is where the first square's pixels begin in a frame; y_frame the plain output.
Squares squares(const Frame& x, int32_t x_begin, const Frame& y, int64_t images);

/// Offsets of the output pixels in a frame of dy, in the order of forward_tables.
Offsets output_offsets(const Frame& dy, int64_t images, PixelOrder order);

/// The gradient of the input is a convolution of dy with the flipped kernel, one for each residue of the input's
/// position modulo the stride; each uses only the taps that meet a stride.
struct StridePhase {
  std::vector<int64_t> taps;  // ky * kernel_width + kx
  Offsets dy_offset;          // per input pixel of this phase, into consecutive frames of dy
  Offsets dx_offset;          // per input pixel, into consecutive plain images
  Offsets tap_offset;         // per tap, relative to dy_offset; not negative
  Offsets k_offset;           // per (tap, filter of one group)
};
/// The border of dy that the phases read at least.
Padding data_border(const Conv2dParams& params);
/// One for each residue, over `images` images; the border of dy is at least data_border.
std::vector<StridePhase> data_phases(const Conv2dParams& params, const Frame& dy, int64_t images);

}  // namespace cnncore
