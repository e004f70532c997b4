// Pixels of a result sorted by the taps of the kernel that lie inside the source: no border of zeros is needed.
#pragma once

#include "ops/conv2d/geometry.h"

namespace cnncore {

/// Pixels with the same taps, which read the same places relative to their first one.
struct PixelClass {
  Offsets tap_offset, w_offset;    // per tap: in the source, in the kernel
  Offsets from_offset, to_offset;  // per pixel, in consecutive sources and results
  int64_t per_image = 0;
};

/// Of the output, or its gradient, in frames y, against plain images x; of plain images x, against frames of dy. A tap
/// of the kernel has p.filters floats.
std::vector<PixelClass> output_classes(const Conv2dParams& p, const Frame& y, int64_t images);
std::vector<PixelClass> input_classes(const Conv2dParams& p, const Frame& dy, int64_t images);

}  // namespace cnncore
