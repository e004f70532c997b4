// Contracts of normalizations. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// For each column of rows x cols, with rows `ld` floats apart: mean[c], which is approximately sum_r x / rows, and
/// around it rest[c] = sum_r (x - mean) and deviations[c] = sum_r (x - mean)^2. Call it for a few hundred rows at a
/// time, so that the sums are accurate and x stays in the first cache.
struct MomentsArgs {
  const float* x;
  int64_t ld, rows, cols;
  float* mean;
  float* rest;
  float* deviations;
};

/// For each column: sum[c] = sum_r g and product[c] = sum_r g * (x - mean[c]), where g = dy, or zero where y is given
/// and y <= 0.
struct GradientMomentsArgs {
  const float* x;
  const float* y;  // the output of a relu, or null if there is none
  const float* dy;
  float* g;  // written where y is given; may be dy
  int64_t ld, rows, cols;
  const float* mean;
  float* sum;
  float* product;
};

/// y = act((x - mean[c]) * scale[c] + offset[c])
struct NormalizeArgs {
  const float* x;
  int64_t rows, cols;
  const float* mean;  // null: zeros
  const float* scale;
  const float* offset;  // null: zeros
  bool relu;
  float* y;
};

/// dx = scale[c] * dy + (slope[c] * (x - mean[c]) + offset[c])
struct NormalizeBackwardArgs {
  const float* x;
  const float* dy;
  int64_t rows, cols;
  const float* mean;
  const float* scale;
  const float* slope;
  const float* offset;
  float* dx;
};

/// For each row: y = (x - mean) * inverse * gamma[c] + beta[c], where inverse = 1 / sqrt(variance + epsilon) and the
/// variance is the mean of the squared deviations. Backward, with xhat = (x - mean) * inverse and g = dy * gamma:
///   dx = inverse * (g - mean(g) - xhat * mean(g * xhat)),  dgamma[c] += sum_r dy * xhat,  dbeta[c] += sum_r dy
struct LayerNormArgs {
  const float* x;
  int64_t rows, cols;
  const float* gamma;  // null: ones
  const float* beta;   // null: zeros
  float epsilon;
  float* y;
  float* mean;     // [rows]
  float* inverse;  // [rows]
};
struct LayerNormBackwardArgs {
  const float* x;
  const float* dy;
  int64_t rows, cols;
  const float* gamma;    // null: ones
  const float* mean;     // [rows]
  const float* inverse;  // [rows]
  float* dx;             // skipped if null
  float* dgamma;         // skipped if null
  float* dbeta;          // skipped if null
};

}  // namespace cnncore
