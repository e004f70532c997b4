// Normalization: each value becomes gamma * (x - mean) / sqrt(variance + epsilon) + beta, where mean and variance are
// taken over a set of values and the variance is the mean of the squared deviations. gamma and beta may be null: ones,
// zeros.
#pragma once

#include <cstdint>

namespace cnncore {

/// For each channel, over all rows; a batch of images has batch * height * width rows.
struct BatchNormParams {
  int64_t rows = 0, channels = 0;
  float epsilon = 1e-3f;
};
/// Training: mean and variance, of `channels` values, are computed and written.
void batch_normalization(const BatchNormParams& params, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* variance);
/// Inference: with given mean and variance.
void batch_normalization_inference(const BatchNormParams& params, const float* x, const float* gamma, const float* beta,
                                   const float* mean, const float* variance, float* y);
/// The gradients of training, with the mean and variance that it wrote. dgamma and dbeta have `channels` values.
void batch_normalization_backward(const BatchNormParams& params, const float* x, const float* gamma, const float* mean,
                                  const float* variance, const float* dy, float* dx, float* dgamma, float* dbeta);

/// Over each row; gamma and beta have a value for each column. mean and inverse = 1 / sqrt(variance + epsilon) get a
/// value for each row, which backward needs.
struct LayerNormParams {
  int64_t rows = 0, cols = 0;
  float epsilon = 1e-3f;
};
void layer_normalization(const LayerNormParams& params, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* inverse);
void layer_normalization_backward(const LayerNormParams& params, const float* x, const float* gamma, const float* mean,
                                  const float* inverse, const float* dy, float* dx, float* dgamma, float* dbeta);

/// Over the pixels and channels of each of `groups` groups of a sample; gamma and beta have a value for each channel.
/// mean and inverse get a value for each sample and group.
struct GroupNormParams {
  int64_t batch = 0, pixels = 0, channels = 0, groups = 1;
  float epsilon = 1e-3f;
};
void group_normalization(const GroupNormParams& params, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* inverse);
void group_normalization_backward(const GroupNormParams& params, const float* x, const float* gamma, const float* mean,
                                  const float* inverse, const float* dy, float* dx, float* dgamma, float* dbeta);

}  // namespace cnncore
