#include "ops/conv2d/tile_planes.h"

#include <algorithm>

namespace cnncore {

void StridedPlanes::meet(const TileTap& tap) {
  top_ = met_ ? std::min(top_, tap.y) : tap.y;
  left_ = met_ ? std::min(left_, tap.x) : tap.x;
  met_ = true;
}

void StridedPlanes::hold(const TileTap& tap, int64_t height, int64_t width) {
  height_ = std::max(height_, height + (tap.y - top_) / stride_height_);
  pitch_ = std::max(pitch_, width + (tap.x - left_) / stride_width_);
}

int64_t StridedPlanes::pixel(const TileTap& tap) const {
  const int64_t y = tap.y - top_, x = tap.x - left_;
  const int64_t plane = y % stride_height_ * stride_width_ + x % stride_width_;
  return (plane * height_ + y / stride_height_) * pitch_ + x / stride_width_;
}

bool StridedPlanes::inside(const Frame& image) const {
  return top_ >= 0 && left_ >= 0 && top_ + stride_height_ * height_ <= image.height &&
         left_ + stride_width_ * pitch_ <= image.width;
}

}  // namespace cnncore
