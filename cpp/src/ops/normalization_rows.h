// Normalization over rows of channels (rows = samples * height * width), computed on the calling thread. Nothing is
// allocated.
//
// Batch normalization in training needs sums over the whole batch twice, so it is done in steps:
//   forward:  observe_rows on every slice, combine_moments in a fixed order, batch_statistics, and normalize_rows on
//             every slice
//   backward: observe_gradient_rows on every slice, combine_gradient_moments in a fixed order, batch_norm_gradients,
//             and normalize_rows_backward on every slice
// Let xhat = (x - mean) * inverse and inverse = 1 / sqrt(variance + epsilon), where the variance is the mean of the
// squared deviations. (Keras uses the same variance for the moving one.) Then
//   y = xhat * gamma + beta,  dx = gamma * inverse * (dy - mean(dy) - xhat * mean(dy * xhat))
// In every function a gamma that is null stands for ones, and a beta that is null for zeros. If a function of the
// backward pass gets y, a relu follows the normalization, so dy counts only where y > 0.
#pragma once

#include "cnncore/normalization.h"
#include "kernels/kernels.h"

namespace cnncore {

/// For each channel, the mean of some rows and the sum of the squared deviations from it. While count is zero, the
/// arrays may hold anything.
struct Moments {
  int64_t count;
  double* mean;
  double* deviations;
};

/// Adds rows to m. The bits of the result depend on the order and the sizes of the calls, and on nothing else.
void observe_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, Moments& m);

/// Adds the moments of other rows to m, by the formula of Chan, Golub and LeVeque (1979).
void combine_moments(int64_t channels, const Moments& more, Moments& m);

/// Computes mean[c] and inverse[c] = 1 / sqrt(variance + epsilon) as floats.
void batch_statistics(int64_t channels, const Moments& m, float epsilon, float* mean, float* inverse);

/// inverse[c] = 1 / sqrt(variance[c] + epsilon), for inference and for a frozen layer in training.
void inverse_deviation(int64_t channels, const float* variance, float epsilon, float* inverse);

/// For mean and variance: moving = moving * momentum + value of the batch * (1 - momentum).
void update_moving(int64_t channels, const Moments& m, float momentum, float* moving_mean, float* moving_variance);

/// scale[c] = gamma[c] * inverse[c]
void batch_norm_scale(int64_t channels, const float* gamma, const float* inverse, float* scale);

/// scale[c] = gamma[c] * inverse[c] and offset[c] = beta[c] - mean[c] * scale[c], so that y = x * scale + offset. This
/// is for inference, where these numbers can also be included in the convolution before.
void batch_norm_affine(int64_t channels, const float* gamma, const float* beta, const float* mean, const float* inverse,
                       float* scale, float* offset);

/// y = (x - mean) * scale + offset, and then relu if that is asked for, as NormalizeArgs says; the columns are the
/// channels. x and y may be the same array.
void normalize_rows(const Kernels& k, const NormalizeArgs& of);

/// For each channel, the sums of dy and of dy * (x - mean). The arrays must hold zeros at first.
struct GradientMoments {
  double* sum;
  double* product;
};
void observe_gradient_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                           const float* dy, const GradientMoments& m);
/// The same if a relu follows, whose output is y. First dy is set to zero where y is not positive.
void observe_relu_gradient_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                                const float* y, float* dy, const GradientMoments& m);
void combine_gradient_moments(int64_t channels, const GradientMoments& more, const GradientMoments& m);

/// Computes dgamma and dbeta (each is skipped if it is null), and the coefficients of normalize_rows_backward, from the
/// sums over all `count` rows.
struct NormalizeCoefficients {
  float* scale;
  float* slope;
  float* offset;
};
void batch_norm_gradients(int64_t channels, int64_t count, const float* gamma, const float* inverse,
                          const GradientMoments& m, float* dgamma, float* dbeta, const NormalizeCoefficients& out);

/// dx = scale * dy + slope * (x - mean) + offset. dx and dy may be the same array.
void normalize_rows_backward(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                             const float* dy, const NormalizeCoefficients& coefficients, float* dx);

/// dx = scale * dy. This is the gradient of normalize_rows with statistics that do not depend on the batch.
void affine_rows_backward(const Kernels& k, int64_t rows, int64_t channels, const float* scale, const float* y,
                          const float* dy, float* dx);

/// Layer normalization, as LayerNormArgs in contracts.h says. rows = samples * (sizes before the normalized axes).
inline void layer_norm_rows(const Kernels& k, const LayerNormArgs& a) { k.layer_norm(a); }
inline void layer_norm_rows_backward(const Kernels& k, const LayerNormBackwardArgs& a) { k.layer_norm_backward(a); }

/// Group normalization of samples with pixels x channels values. Mean and variance are taken over all pixels of the
/// channels / groups neighbouring channels of a group. mean and inverse have a value for each sample and group. The
/// backward pass adds to dgamma and dbeta.
struct GroupNormForward {
  const float* x;
  const float* gamma;
  const float* beta;
  float* y;
  float* mean;
  float* inverse;
};
struct GroupNorm {
  int64_t pixels, channels, groups;
  float epsilon;
  /// The number of floats of scratch memory that both passes need, which must be aligned like doubles.
  int64_t scratch_size() const { return 8 * channels; }
  void forward(const Kernels& k, int64_t samples, const GroupNormForward& of, float* scratch) const;
  /// Gradients whose pointer is null are skipped.
  void backward(const Kernels& k, int64_t samples, const RowNormBackward& of, float* scratch) const;
};

}  // namespace cnncore
