// The matrices of random shifts and flips for augment_affine, which are computed from uniform random numbers.
#include <cmath>

#include "cnncore/augment.h"

namespace cnncore {

void augment_shift_matrices(int64_t samples, const ShiftParams& p, const float* u, double* matrices) {
  const auto shift = [&](float number, double size, const double* range) {
    const double pixels = size * (range[0] + static_cast<double>(number) * (range[1] - range[0]));
    return p.whole_pixels ? std::floor(pixels + 0.5) : pixels;
  };
  for (int64_t n = 0; n < samples; ++n) {
    double* m = matrices + 6 * n;
    m[0] = m[4] = 1;
    m[1] = m[3] = 0;
    m[2] = -shift(u[2 * n], static_cast<double>(p.height), p.down);
    m[5] = -shift(u[2 * n + 1], static_cast<double>(p.width), p.right);
  }
}

void augment_flip_matrices(int64_t samples, const FlipParams& p, const float* u, double* matrices) {
  const auto mirror = [](double* row, int64_t size) {
    for (int k = 0; k < 2; ++k) row[k] = -row[k];
    row[2] = static_cast<double>(size - 1) - row[2];
  };
  for (int64_t n = 0; n < samples; ++n) {
    if (p.columns && u[2 * n] < 0.5f) mirror(matrices + 6 * n + 3, p.width);
    if (p.rows && u[2 * n + 1] < 0.5f) mirror(matrices + 6 * n, p.height);
  }
}

}  // namespace cnncore
