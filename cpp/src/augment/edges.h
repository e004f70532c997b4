// Which pixels of an image take the place of pixels beyond its edges.
#pragma once

#include <cstdint>

#include "cnncore/augment.h"

namespace cnncore {

constexpr int64_t kFill = -1;  // the index that stands for the fill value

inline int64_t modulo(int64_t i, int64_t n) {
  const int64_t r = i % n;
  return r < 0 ? r + n : r;
}

/// Returns the index of the pixel that takes the place of pixel i of an axis of n pixels, or kFill.
inline int64_t edge_index(int64_t i, int64_t n, Edge edge) {
  if (i >= 0 && i < n) return i;
  switch (edge) {
    case Edge::nearest: return i < 0 ? 0 : n - 1;
    case Edge::reflect: {
      const int64_t r = modulo(i, 2 * n);
      return r < n ? r : 2 * n - 1 - r;
    }
    case Edge::grid_wrap: return modulo(i, n);
    case Edge::wrap: {
      const int64_t r = n == 1 ? 0 : modulo(i, n - 1);
      return i < 0 && r == 0 ? n - 1 : r;
    }
    default: return kFill;
  }
}

}  // namespace cnncore
