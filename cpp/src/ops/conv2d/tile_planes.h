// The layout of images for products of bfloat16 tiles.
#pragma once

#include "ops/conv2d/geometry.h"

namespace cnncore {

/// The place at which one tap of the kernel reads.
struct TileTap {
  int64_t y, x;    // the distance from stride times the position of the output; may be negative
  int64_t kernel;  // the number of the tap in the kernel
};

struct TileShape {
  Frame x;  // the image as the caller has it in memory
  int64_t filters;
  int64_t stride_height, stride_width;
  Precision precision;
};

/// The layout of an image for products. Each plane has the pixels that are a stride apart, so what neighbouring outputs
/// read by the same tap are neighbours in a plane. All rows have the same length.
class StridedPlanes {
 public:
  explicit StridedPlanes(const TileShape& shape)
      : stride_height_(shape.stride_height), stride_width_(shape.stride_width) {}
  /// Call meet() for every tap first, and then hold() for every tap. Afterwards the planes contain all that these taps
  /// read for an output of height x width pixels.
  void meet(const TileTap& tap);
  void hold(const TileTap& tap, int64_t height, int64_t width);

  int64_t pitch() const { return pitch_; }
  int64_t pixels() const { return stride_height_ * stride_width_ * height_ * pitch_; }
  /// The place in the planes that a tap reads for the first output.
  int64_t pixel(const TileTap& tap) const;

  /// Whether every place in the planes is a pixel of the image, so that no zeros are needed.
  bool inside(const Frame& image) const;
  /// Calls run(y, x, to, count) for each run of pixels that are neighbours in a plane. A run has `count` pixels, which
  /// begin at pixel (y, x) of the image and are a stride apart; `to` is the place of the first one in the planes. A run
  /// is a part of a row, or the whole image if rows follow each other without a gap.
  template <class Function>
  void for_runs(const Frame& image, Function run) const;

 private:
  int64_t stride_height_, stride_width_;
  bool met_ = false;
  int64_t top_ = 0, left_ = 0;  // the pixel of the image at which the planes begin
  int64_t height_ = 0, pitch_ = 0;
};

template <class Function>
void StridedPlanes::for_runs(const Frame& image, Function run) const {
  if (stride_height_ == 1 && inside(image) && pitch_ == image.width && !image.has_border())
    return run(top_, left_, 0, height_ * pitch_);
  for (int64_t p = 0; p < stride_height_ * stride_width_; ++p)
    for (int64_t i = 0; i < height_; ++i) {
      const int64_t y = top_ + p / stride_width_ + i * stride_height_, x = left_ + p % stride_width_;
      if (y < 0 || y >= image.height) continue;
      const int64_t begin = x < 0 ? (-x + stride_width_ - 1) / stride_width_ : 0;
      const int64_t end = std::min(pitch_, image.width > x ? (image.width - 1 - x) / stride_width_ + 1 : 0);
      if (begin < end) run(y, x + begin * stride_width_, (p * height_ + i) * pitch_ + begin, end - begin);
    }
}

}  // namespace cnncore
