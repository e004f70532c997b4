// The binary crossentropy of a row. It is plain float arithmetic over blocks, which compilers turn into vector
// instructions (loss_rows.cpp is compiled with -fno-trapping-math for that). An image may have thousands of outputs,
// and two calls of the library's logarithm for each would take longer than a layer.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "ops/loss_pointwise.h"

namespace cnncore::binary {

/// log(x) of a positive float that is not denormal, with an error of about two units in the last place. x is split into
/// 2^e m with m in [sqrt(1/2), sqrt(2)), and log(m) is the series of log((1 + s) / (1 - s)) at s = (m - 1) / (m + 1).
/// NaN stays NaN.
inline float log(float x) {
  const int32_t bits = std::bit_cast<int32_t>(x) - 0x3f3504f3;  // the bits of sqrt(1/2)
  const float exponent = static_cast<float>(bits >> 23);
  const float m = std::bit_cast<float>((bits & 0x007fffff) + 0x3f3504f3);
  const float s = (m - 1) / (m + 1), z = s * s;
  const float series = ((0.22222222f * z + 0.28571429f) * z + 0.4f) * z + 0.66666667f;
  // log(2) is split into two parts, so that exponent * kHigh is exact.
  constexpr float kHigh = 0.693359375f, kLow = -2.12194440e-4f;
  const float result = exponent * kHigh + (2 * s + (z * s * series + exponent * kLow));
  return x == x ? result : x;
}

/// e^x for x in [-87, 0], with an error of about two units in the last place; e^-87 for smaller x. x is split into
/// n log(2) + r. NaN stays NaN.
inline float exp_negative(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float bounded = x < -87.0f ? -87.0f : x;
  const float n = (bounded * 1.44269504f + kRound) - kRound;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1;
  const float scale = std::bit_cast<float>((static_cast<int32_t>(x == x ? n : 0.0f) + 127) << 23);
  return x == x ? p * scale : x;
}

/// log(1 + x) for x in [-1 + 1e-7, 1]. The error of rounding 1 + x is corrected.
inline float log1p(float x) {
  const float u = 1 + x;
  return log(u) + (x - (u - 1)) / u;
}

constexpr int64_t kBlock = 256;

struct Terms {
  float value[kBlock], slope[kBlock];
};

/// The losses and derivatives for outputs y that are probabilities. These are clipped as in Keras. With `fused`, a
/// sigmoid has made y from logits, and derivatives are taken by the logits.
inline void probabilities(int64_t count, const float* y, const float* t, float keep, float shift, bool fused,
                          Terms& terms) {
  constexpr float kLeast = static_cast<float>(pointwise::kEpsilon), kMost = static_cast<float>(pointwise::kMost);
  for (int64_t j = 0; j < count; ++j) {
    const float target = t[j] * keep + shift;
    const float above = y[j] < kLeast ? kLeast : y[j];
    const float p = above > kMost ? kMost : above;
    terms.value[j] = -(target * log(p) + (1 - target) * log1p(-p));
    terms.slope[j] = y[j] - target;
  }
  for (int64_t j = 0; !fused && j < count; ++j) {
    const bool moves = y[j] >= kLeast && y[j] <= kMost;
    terms.slope[j] = moves ? terms.slope[j] / (y[j] * (1 - y[j])) : 0.0f;
  }
}

inline void logits(int64_t count, const float* x, const float* t, float keep, float shift, Terms& terms) {
  for (int64_t j = 0; j < count; ++j) {
    const float target = t[j] * keep + shift;
    const float e = exp_negative(-std::abs(x[j])), positive = x[j] > 0 ? x[j] : 0.0f;
    terms.value[j] = (positive - x[j] * target) + log1p(e);
    terms.slope[j] = (x[j] >= 0 ? 1.0f : e) / (1 + e) - target;
  }
}

}  // namespace cnncore::binary
