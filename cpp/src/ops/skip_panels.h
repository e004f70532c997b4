// Products that leave out zeros of their input (GemmSkipArgs): when they are worth it, and the layout of their kernel.
#pragma once

#include <algorithm>

#include "kernels/contracts/gemm.h"

namespace cnncore {

/// Whether a product of `depth` terms with this kernel uses gemm_skip. Making the list of terms must take little time
/// compared with the product, and the panels, which are a second copy of the kernel, must not be too large.
inline bool takes_skips(int64_t depth, int64_t cols, int64_t kernel_size) {
  constexpr int64_t kLeastTerms = 32, kMostFloats = 1 << 18;
  return cols % kSkipColumns == 0 && depth >= kLeastTerms && depth <= kMostSkipTerms && kernel_size <= kMostFloats;
}

/// Copies rows [begin, end) of a kernel of rows x cols to panels of rows * kSkipColumns floats.
inline void pack_skip_panels(const float* kernel, int64_t rows, int64_t cols, int64_t begin, int64_t end,
                             float* panels) {
  for (int64_t n = 0; n < cols; n += kSkipColumns, panels += rows * kSkipColumns)
    for (int64_t k = begin; k < end; ++k) std::copy_n(kernel + k * cols + n, kSkipColumns, panels + k * kSkipColumns);
}

}  // namespace cnncore
