// Layer and group normalization in products with curvature. Both normalize sets of values.
#pragma once

#include <cstdint>

namespace cnncore {

/// A set of values that are normalized together. It consists of `rows` pieces of `width` values, which begin `pitch`
/// floats apart. With u = (x - mean) * inverse, y = gamma u + beta, where value (r, c) has gamma[c] and beta[c]. If
/// gamma is null, it is 1. If a tangent of gamma or beta is null, it is 0.
struct NormalizedSet {
  int64_t rows, width, pitch;
  const float* x = nullptr;
  const float* x_tangent = nullptr;  // null stands for zeros
  float mean = 0, inverse = 0;
  const float* gamma = nullptr;
  const float* gamma_tangent = nullptr;
  const float* beta_tangent = nullptr;
};

/// Computes the tangent of y: y' = gamma u' + gamma' u + beta', where u' = inverse (x' - mean(x') - u mean(u x')).
void normalized_tangent(const NormalizedSet& set, float* y_tangent);

/// What normalized_second writes: dx = inverse (g - mean(g) - u mean(u g)), where g = gamma dy, and the tangent of dx.
/// Both are skipped if dx is null. It also adds dy' u + dy u' to the tangent of dgamma, and dy' to that of dbeta, if
/// these are not null.
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
