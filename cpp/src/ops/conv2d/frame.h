// Functions that copy between plain images and images with a border of zeros.
#pragma once

#include <algorithm>
#include <cstring>

#include "ops/conv2d/geometry.h"

namespace cnncore {

/// Calls row(plain, framed, width) for the given rows of each image: `plain` and `framed` are offsets in floats.
template <class Function>
void for_rows(const Frame& frame, int64_t count, IndexRange rows, Function row) {
  const int64_t width = frame.width * frame.channels;
  for (int64_t n = 0; n < count; ++n)
    for (int64_t y = rows.begin; y < rows.end; ++y)
      row((n * frame.height + y) * width, n * frame.size() + frame.offset(y, 0), width);
}
/// The same for all rows.
template <class Function>
void for_rows(const Frame& frame, int64_t count, Function row) {
  for_rows(frame, count, {0, frame.height}, row);
}

/// Sets the borders of `count` frames to zero, of the given rows of the images and above and below them. The images
/// inside are left as they are.
inline void clear_border(const Frame& frame, int64_t count, IndexRange rows, float* framed) {
  if (!frame.has_border()) return;
  const int64_t pitch = frame.full_width() * frame.channels;
  const int64_t left = frame.border.left * frame.channels, right = frame.border.right * frame.channels;
  for (int64_t n = 0; n < count; ++n, framed += frame.size()) {
    std::fill_n(framed, frame.border.top * pitch, 0.0f);
    float* row = framed + (frame.border.top + rows.begin) * pitch;
    if (rows.size() > 0) std::fill_n(row, left, 0.0f);
    for (int64_t y = rows.begin; y < rows.end; ++y) {
      row += pitch;  // the end of a row and the beginning of the next one lie side by side
      std::fill(row - right, y + 1 < rows.end ? row + left : row, 0.0f);
    }
    std::fill_n(framed + (frame.border.top + frame.height) * pitch, frame.border.bottom * pitch, 0.0f);
  }
}

inline void clear_border(const Frame& frame, int64_t count, float* framed) {
  clear_border(frame, count, {0, frame.height}, framed);
}

inline void copy_into_frame(const Frame& frame, int64_t count, const float* plain, float* framed) {
  clear_border(frame, count, framed);
  for_rows(frame, count,
           [&](int64_t from, int64_t to, int64_t width) { std::copy_n(plain + from, width, framed + to); });
}

inline void copy_out_of_frame(const Frame& frame, int64_t count, const float* framed, float* plain) {
  for_rows(frame, count,
           [&](int64_t to, int64_t from, int64_t width) { std::copy_n(framed + from, width, plain + to); });
}

}  // namespace cnncore
