// Images laid out for products of bfloat16 tiles.
#pragma once

#include "ops/conv2d/geometry.h"

namespace cnncore {

/// Where a tap of the kernel reads.
struct TileTap {
  int64_t y, x;    // relative to stride times the output's position; may be negative
  int64_t kernel;  // which tap of the kernel
};

struct TileShape {
  Frame x;  // as it lies in memory
  int64_t filters;
  int64_t stride_height, stride_width;
  Precision precision;
};

/// How an image is laid out for products: planes of the pixels that are a stride apart, so that neighbours in the
/// output are neighbours in a plane, and one pitch for all rows.
class StridedPlanes {
 public:
  explicit StridedPlanes(const TileShape& shape)
      : stride_height_(shape.stride_height), stride_width_(shape.stride_width) {}
  /// Taps over an output of height x width pixels: first all of them are met, then the planes made to hold them.
  void meet(const TileTap& tap);
  void hold(const TileTap& tap, int64_t height, int64_t width);

  int64_t pitch() const { return pitch_; }
  int64_t pixels() const { return stride_height_ * stride_width_ * height_ * pitch_; }
  /// The pixel that a tap reads for the first output.
  int64_t pixel(const TileTap& tap) const;

  /// No place in the planes lies outside the image.
  bool inside(const Frame& image) const;
  /// Calls run(y, x, to, count) for each run of `count` pixels of an image, from (y, x) on in steps of the stride; `to`
  /// is the first one's place in the planes. A run is one of a row, or the whole image where rows follow each other.
  template <class Function>
  void for_runs(const Frame& image, Function run) const;

 private:
  int64_t stride_height_, stride_width_;
  bool met_ = false;
  int64_t top_ = 0, left_ = 0;  // where in the image the planes begin
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
