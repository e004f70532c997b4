// Normalization of sets of values (layer and group normalization) in products with curvature.
#pragma once

#include <cstdint>

namespace cnncore {

/// A set of values that are normalized together: `rows` pieces of `width` values, `pitch` apart. Value (r, c) has the
/// factor gamma[c] and the addend beta[c]; with u = (x - mean) * inverse, y = gamma u + beta. All of gamma, beta and
/// their tangents may be null: ones, zeros, zeros.
struct NormalizedSet {
  int64_t rows, width, pitch;
  const float* x = nullptr;
  const float* x_tangent = nullptr;  // may be null: zeros
  float mean = 0, inverse = 0;
  const float* gamma = nullptr;
  const float* gamma_tangent = nullptr;
  const float* beta_tangent = nullptr;
};

/// y' = gamma u' + gamma' u + beta', u' = inverse (x' - mean(x') - u mean(u x')).
void normalized_tangent(const NormalizedSet& set, float* y_tangent);

/// dx = inverse (g - mean(g) - u mean(u g)), g = gamma dy, and its tangent from those of x, gamma and dy; both are null
/// where they are not wanted. dgamma' += dy' u + dy u' and dbeta' += dy', where they are not null.
struct NormalizedGradients {
  const float* dy;
  const float* dy_tangent;
  float* dx;
  float* dx_tangent;
  float* dgamma_tangent;
  float* dbeta_tangent;
};
void normalized_second(const NormalizedSet& set, const NormalizedGradients& gradients);

}  // namespace cnncore
