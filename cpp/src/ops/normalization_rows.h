// Normalization on the calling thread, over rows of channels (rows = samples * height * width). Nothing allocates.
//
// Batch normalization in training needs the whole batch twice, so it comes in steps:
//   forward   observe_rows on every slice, combine in a fixed order, batch_statistics, normalize_rows on every slice
//   backward  observe_gradient_rows on every slice, combine, batch_norm_gradients, normalize_rows_backward on every
//   slice
// With xhat = (x - mean) * inverse, inverse = 1 / sqrt(variance + epsilon), the variance being the mean of the squared
// deviations (Keras', for the moving variance too):
//   y = xhat * gamma + beta,  dx = gamma * inverse * (dy - mean(dy) - xhat * mean(dy * xhat))
// In every function gamma may be null, ones; beta may be null, zeros. A y that is given to backward stands for a relu
// fused behind the normalization: dy counts only where y > 0.
#pragma once

#include "kernels/kernels.h"

namespace cnncore {

/// What is known of some rows, per channel: the mean and the sum of squared deviations from it. Arrays of `channels`
/// that need no clearing while count is zero.
struct Moments {
  int64_t count;
  double* mean;
  double* deviations;
};

/// Adds rows to m. The result depends on the order and the sizes of the calls, on nothing else.
void observe_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, Moments& m);

/// Adds what is known of other rows (Chan, Golub and LeVeque, 1979).
void combine_moments(int64_t channels, const Moments& more, Moments& m);

/// mean[c], and inverse[c] = 1 / sqrt(variance + epsilon), as floats.
void batch_statistics(int64_t channels, const Moments& m, float epsilon, float* mean, float* inverse);

/// inverse[c] = 1 / sqrt(variance[c] + epsilon): inference, and training of a frozen layer.
void inverse_deviation(int64_t channels, const float* variance, float epsilon, float* inverse);

/// moving = moving * momentum + (the batch's) * (1 - momentum), of mean and variance.
void update_moving(int64_t channels, const Moments& m, float momentum, float* moving_mean, float* moving_variance);

/// scale[c] = gamma[c] * inverse[c]
void batch_norm_scale(int64_t channels, const float* gamma, const float* inverse, float* scale);

/// scale[c] = gamma[c] * inverse[c] and offset[c] = beta[c] - mean[c] * scale[c], so that y = x * scale + offset:
/// inference, or to fold into the convolution before it.
void batch_norm_affine(int64_t channels, const float* gamma, const float* beta, const float* mean, const float* inverse,
                       float* scale, float* offset);

/// y = act((x - mean) * scale + offset), act being relu or nothing; mean and offset may be null: zeros. In place where
/// x == y.
void normalize_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                    const float* scale, const float* offset, bool relu, float* y);

/// Per channel the sums of dy and of dy * (x - mean): arrays of `channels`, zeros at first.
struct GradientMoments {
  double* sum;
  double* product;
};
void observe_gradient_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                           const float* dy, const GradientMoments& m);
/// The same behind a relu whose output is y: first dy becomes zero where it let nothing pass.
void observe_relu_gradient_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                                const float* y, float* dy, const GradientMoments& m);
void combine_gradient_moments(int64_t channels, const GradientMoments& more, const GradientMoments& m);

/// dgamma and dbeta (each may be null: not wanted), and the coefficients of normalize_rows_backward, from the sums over
/// all `count` rows.
struct NormalizeCoefficients {
  float* scale;
  float* slope;
  float* offset;
};
void batch_norm_gradients(int64_t channels, int64_t count, const float* gamma, const float* inverse,
                          const GradientMoments& m, float* dgamma, float* dbeta, const NormalizeCoefficients& out);

/// dx = scale * dy + slope * (x - mean) + offset. In place where dx == dy.
void normalize_rows_backward(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                             const float* dy, const NormalizeCoefficients& coefficients, float* dx);

/// dx = scale * dy, of normalize_rows with statistics that are not the batch's.
void affine_rows_backward(const Kernels& k, int64_t rows, int64_t channels, const float* scale, const float* y,
                          const float* dy, float* dx);

/// Layer normalization: LayerNormArgs in contracts.h; rows = samples * (sizes before the normalized axes).
inline void layer_norm_rows(const Kernels& k, const LayerNormArgs& a) { k.layer_norm(a); }
inline void layer_norm_rows_backward(const Kernels& k, const LayerNormBackwardArgs& a) { k.layer_norm_backward(a); }

/// Group normalization of samples of pixels x channels: mean and variance over all pixels of channels / groups
/// neighbouring channels. mean and inverse hold a value per sample and group; dgamma and dbeta are added to.
struct GroupNorm {
  int64_t pixels, channels, groups;
  float epsilon;
  /// Floats of scratch that both passes take, aligned like doubles.
  int64_t scratch_size() const { return 8 * channels; }
  void forward(const Kernels& k, int64_t samples, const float* x, const float* gamma, const float* beta, float* y,
               float* mean, float* inverse, float* scratch) const;
  void backward(const Kernels& k, int64_t samples, const float* x, const float* gamma, const float* mean,
                const float* inverse, const float* dy, float* dx, float* dgamma, float* dbeta, float* scratch) const;
};

}  // namespace cnncore
