// Groups the pixels of a result by which taps of the kernel lie inside the source image. Then taps outside are simply
// left out, and the source needs no border of zeros.
#pragma once

#include "ops/conv2d/geometry.h"

namespace cnncore {

/// Pixels that read by the same taps, at the same distances from the place that their first tap reads.
struct PixelClass {
  Offsets tap_offset, w_offset;  // for each tap: its distance from the first tap in the source, its place in the kernel
  Offsets from_offset, to_offset;  // for each pixel: its first tap in consecutive sources, its place in the results
  int64_t per_image = 0;
};

/// output_classes groups the pixels of the output (or of its gradient), which is in frames y, by what they read of
/// plain images x. The other function groups the pixels of plain images x by what they read of frames of dy. A tap of
/// the kernel has p.filters floats.
std::vector<PixelClass> output_classes(const Conv2dParams& p, const Frame& y, int64_t images);
std::vector<PixelClass> input_classes(const Conv2dParams& p, const Frame& dy, int64_t images);

}  // namespace cnncore
