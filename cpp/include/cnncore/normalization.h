// Normalization: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta. The functions differ in the set of values of
// which mean and variance are taken. The variance is the mean of the squared deviations. If gamma is null, it stands
// for ones; if beta is null, it stands for zeros.
#pragma once

#include <cstdint>

namespace cnncore {

/// Batch normalization: mean and variance of each channel over all rows. A batch of images has batch * height * width
/// rows.
struct BatchNormParams {
  int64_t rows = 0, channels = 0;
  float epsilon = 1e-3f;
};
/// Training: computes the mean and variance of x, and writes them to `mean` and `variance`, which have `channels`
/// values.
void batch_normalization(const BatchNormParams& params, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* variance);
/// Inference: uses a given mean and variance.
void batch_normalization_inference(const BatchNormParams& params, const float* x, const float* gamma, const float* beta,
                                   const float* mean, const float* variance, float* y);
/// Computes the gradients in training, from the mean and variance that the forward pass wrote. dgamma and dbeta have
/// `channels` values.
struct BatchNormBackward {
  const float* x;
  const float* gamma = nullptr;
  const float* mean;
  const float* variance;
  const float* dy;
  float* dx;
  float* dgamma;
  float* dbeta;
};
void batch_normalization_backward(const BatchNormParams& params, const BatchNormBackward& of);

/// Layer normalization: mean and variance of each row. gamma and beta have a value for each column. The forward pass
/// writes `mean` and `inverse`, which is 1 / sqrt(variance + epsilon), for each row; the backward pass reads them.
struct LayerNormParams {
  int64_t rows = 0, cols = 0;
  float epsilon = 1e-3f;
};
void layer_normalization(const LayerNormParams& params, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* inverse);
/// The arrays of the backward pass of layer and group normalization.
struct RowNormBackward {
  const float* x;
  const float* gamma = nullptr;
  const float* mean;
  const float* inverse;
  const float* dy;
  float* dx;
  float* dgamma;
  float* dbeta;
};
void layer_normalization_backward(const LayerNormParams& params, const RowNormBackward& of);

/// Group normalization: the channels of each sample are divided into `groups` groups, with a mean and variance for
/// each. gamma and beta have a value for each channel, `mean` and `inverse` one for each sample and group.
struct GroupNormParams {
  int64_t batch = 0, pixels = 0, channels = 0, groups = 1;
  float epsilon = 1e-3f;
};
void group_normalization(const GroupNormParams& params, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* inverse);
void group_normalization_backward(const GroupNormParams& params, const RowNormBackward& of);

}  // namespace cnncore
