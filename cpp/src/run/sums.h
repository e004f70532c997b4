// Adds the partial sums of shards in their order.
#pragma once

#include <algorithm>

#include "run/step.h"

namespace cnncore {

/// Writes the sum over all shards of `size` floats, beginning at `at`, to `to`.
inline void add_up(const Kernels& k, const Sums& partials, int64_t at, int64_t size, float* to) {
  std::copy_n(partials.first + at, size, to);
  for (int64_t i = 1; i < partials.count; ++i) k.accumulate(partials.first + i * partials.stride + at, to, size);
}

}  // namespace cnncore
