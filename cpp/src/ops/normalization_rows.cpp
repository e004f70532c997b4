// Normalization. Statistics of blocks of rows are computed in float, and those of the blocks are combined in double.
#include "ops/normalization_rows.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace cnncore {
namespace {

constexpr int64_t kBlockRows = 128;  // the rows of a block, which are summed in float and stay in the nearest caches
constexpr int64_t kBlockCols = 256;  // the columns that are computed at a time, in arrays on the stack
constexpr int64_t kFoldedCols = 64;  // rows that are narrower are joined: several of them are read as one row

// How many rows with this number of channels are read as one row.
int64_t folds(int64_t channels) { return std::max<int64_t>(1, kFoldedCols / channels); }

// Calls f(first row, rows, folds) for blocks of rows, where `folds` rows are read as one and `rows` counts joined rows.
template <class Function>
void for_blocks(int64_t rows, int64_t channels, Function f) {
  const int64_t fold = folds(channels), whole = rows / fold;
  for (int64_t r = 0; r < whole; r += kBlockRows) f(r * fold, std::min(kBlockRows, whole - r), fold);
  if (rows > whole * fold) f(whole * fold, rows - whole * fold, int64_t{1});
}

// Up to four arrays of `channels` values. Each is repeated as many times as rows are read as one. Null stays null.
struct Folded {
  Folded(std::initializer_list<const float*> arrays, int64_t channels, int64_t fold) {
    int64_t i = 0;
    for (const float* array : arrays) {
      of[i] = array && fold > 1 ? memory[i] : array;
      for (int64_t f = 0; array && fold > 1 && f < fold; ++f) std::copy_n(array, channels, memory[i] + f * channels);
      ++i;
    }
  }
  float memory[4][kFoldedCols];
  const float* of[4];
};

// Calls f(first value, rows, columns, arrays) for all rows. If rows are narrow, several of them are read as one row,
// and f is called a second time for the rows that are left over.
template <class Function>
void for_folded(int64_t rows, int64_t channels, std::initializer_list<const float*> arrays, Function f) {
  const int64_t fold = rows < 4 * folds(channels) ? 1 : folds(channels), whole = rows / fold;
  f(0, whole, fold * channels, Folded(arrays, channels, fold));
  if (rows > whole * fold) f(whole * fold * channels, rows - whole * fold, channels, Folded(arrays, channels, 1));
}

// Combines the moments m of `count` rows with those of `more` other rows, which are mean_of(c) and deviations_of(c) for
// channel c.
template <class Mean, class Deviations>
void combine_channels(int64_t channels, int64_t count, int64_t more, const Moments& m, Mean mean_of,
                      Deviations deviations_of) {
  if (count == 0) {
    for (int64_t c = 0; c < channels; ++c) m.mean[c] = mean_of(c), m.deviations[c] = deviations_of(c);
    return;
  }
  const double share = static_cast<double>(more) / static_cast<double>(count + more);
  const double weight = share * static_cast<double>(count);
  for (int64_t c = 0; c < channels; ++c) {
    const double distance = mean_of(c) - m.mean[c];
    m.mean[c] += distance * share;
    m.deviations[c] += deviations_of(c) + distance * distance * weight;
  }
}

float square_root_inverse(double variance, float epsilon) {
  return static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(epsilon)));
}

double variance_of(const Moments& m, int64_t c) { return m.deviations[c] / static_cast<double>(m.count); }

}  // namespace

void observe_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, Moments& m) {
  float mean[kBlockCols], rest[kBlockCols], deviations[kBlockCols];
  for_blocks(rows, channels, [&](int64_t first, int64_t count, int64_t fold) {
    const int64_t width = fold * channels;
    const double share = 1.0 / static_cast<double>(count);
    for (int64_t begin = 0; begin < width; begin += kBlockCols) {
      const int64_t cols = std::min(kBlockCols, width - begin), step = fold > 1 ? channels : cols;
      k.moments({x + first * channels + begin, width, count, cols, mean, rest, deviations});
      for (int64_t at = 0; at < cols; at += step) {  // columns [at, at + step) are channels of one of the joined rows
        const auto off = [&](int64_t c) { return static_cast<double>(rest[at + c]) * share; };
        const auto mean_of = [&](int64_t c) { return static_cast<double>(mean[at + c]) + off(c); };
        const auto deviations_of = [&](int64_t c) {
          return static_cast<double>(deviations[at + c]) - static_cast<double>(rest[at + c]) * off(c);
        };
        const Moments part{m.count, m.mean + begin, m.deviations + begin};
        combine_channels(step, m.count + at / step * count, count, part, mean_of, deviations_of);
      }
    }
    m.count += fold * count;
  });
}

void combine_moments(int64_t channels, const Moments& more, Moments& m) {
  if (more.count == 0) return;
  combine_channels(
      channels, m.count, more.count, m, [&](int64_t c) { return more.mean[c]; },
      [&](int64_t c) { return more.deviations[c]; });
  m.count += more.count;
}

void batch_statistics(int64_t channels, const Moments& m, float epsilon, float* mean, float* inverse) {
  for (int64_t c = 0; c < channels; ++c) {
    mean[c] = static_cast<float>(m.mean[c]);
    inverse[c] = square_root_inverse(variance_of(m, c), epsilon);
  }
}

void inverse_deviation(int64_t channels, const float* variance, float epsilon, float* inverse) {
  for (int64_t c = 0; c < channels; ++c) inverse[c] = square_root_inverse(static_cast<double>(variance[c]), epsilon);
}

void update_moving(int64_t channels, const Moments& m, float momentum, float* moving_mean, float* moving_variance) {
  const double keep = static_cast<double>(momentum);
  const auto moved = [&](float& moving, double now) {
    moving = static_cast<float>(static_cast<double>(moving) * keep + now * (1.0 - keep));
  };
  for (int64_t c = 0; c < channels; ++c) moved(moving_mean[c], m.mean[c]), moved(moving_variance[c], variance_of(m, c));
}

void batch_norm_scale(int64_t channels, const float* gamma, const float* inverse, float* scale) {
  for (int64_t c = 0; c < channels; ++c) scale[c] = gamma ? gamma[c] * inverse[c] : inverse[c];
}

void batch_norm_affine(int64_t channels, const float* gamma, const float* beta, const float* mean, const float* inverse,
                       float* scale, float* offset) {
  batch_norm_scale(channels, gamma, inverse, scale);
  for (int64_t c = 0; c < channels; ++c) offset[c] = (beta ? beta[c] : 0.0f) - mean[c] * scale[c];
}

void normalize_rows(const Kernels& k, const NormalizeArgs& of) {
  for_folded(of.rows, of.cols, {of.mean, of.scale, of.offset},
             [&](int64_t first, int64_t count, int64_t cols, const Folded& a) {
               k.normalize({.x = of.x + first,
                            .rows = count,
                            .cols = cols,
                            .mean = a.of[0],
                            .scale = a.of[1],
                            .offset = a.of[2],
                            .relu = of.relu,
                            .y = of.y + first});
             });
}

namespace {

// If a relu follows, y is its output, and dy is written to g with zeros where y is not positive. Otherwise both are
// null.
struct ObservedGradients {
  const float* x;
  const float* mean;
  const float* y;
  const float* dy;
  float* g;
};

void observe_gradients(const Kernels& k, int64_t rows, int64_t channels, const ObservedGradients& of,
                       const GradientMoments& m) {
  float sum[kBlockCols], product[kBlockCols], folded_mean[kBlockCols];
  for_blocks(rows, channels, [&](int64_t first, int64_t count, int64_t fold) {
    const int64_t width = fold * channels;
    if (fold > 1)
      for (int64_t i = 0; i < fold; ++i) std::copy_n(of.mean, channels, folded_mean + i * channels);
    for (int64_t begin = 0; begin < width; begin += kBlockCols) {
      const int64_t cols = std::min(kBlockCols, width - begin), at = first * channels + begin;
      k.gradient_moments({.x = of.x + at,
                          .y = of.y ? of.y + at : nullptr,
                          .dy = of.dy + at,
                          .g = of.g ? of.g + at : nullptr,
                          .ld = width,
                          .rows = count,
                          .cols = cols,
                          .mean = fold > 1 ? folded_mean : of.mean + begin,
                          .sum = sum,
                          .product = product});
      for (int64_t c = 0; c < cols; ++c) {
        const int64_t channel = fold > 1 ? c % channels : begin + c;
        m.sum[channel] += static_cast<double>(sum[c]);
        m.product[channel] += static_cast<double>(product[c]);
      }
    }
  });
}

}  // namespace

void observe_gradient_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                           const float* dy, const GradientMoments& m) {
  observe_gradients(k, rows, channels, {.x = x, .mean = mean, .y = nullptr, .dy = dy, .g = nullptr}, m);
}

void observe_relu_gradient_rows(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                                const float* y, float* dy, const GradientMoments& m) {
  observe_gradients(k, rows, channels, {.x = x, .mean = mean, .y = y, .dy = dy, .g = dy}, m);
}

void combine_gradient_moments(int64_t channels, const GradientMoments& more, const GradientMoments& m) {
  for (int64_t c = 0; c < channels; ++c) m.sum[c] += more.sum[c], m.product[c] += more.product[c];
}

void batch_norm_gradients(int64_t channels, int64_t count, const float* gamma, const float* inverse,
                          const GradientMoments& m, float* dgamma, float* dbeta, const NormalizeCoefficients& out) {
  const double share = 1.0 / static_cast<double>(count);
  for (int64_t c = 0; c < channels; ++c) {
    const double by = static_cast<double>(inverse[c]), scale = (gamma ? static_cast<double>(gamma[c]) : 1.0) * by;
    if (dgamma) dgamma[c] = static_cast<float>(m.product[c] * by);
    if (dbeta) dbeta[c] = static_cast<float>(m.sum[c]);
    out.scale[c] = static_cast<float>(scale);
    out.slope[c] = static_cast<float>(-scale * by * by * m.product[c] * share);
    out.offset[c] = static_cast<float>(-scale * m.sum[c] * share);
  }
}

void normalize_rows_backward(const Kernels& k, int64_t rows, int64_t channels, const float* x, const float* mean,
                             const float* dy, const NormalizeCoefficients& coefficients, float* dx) {
  for_folded(rows, channels, {mean, coefficients.scale, coefficients.slope, coefficients.offset},
             [&](int64_t first, int64_t count, int64_t cols, const Folded& a) {
               k.normalize_backward({.x = x + first,
                                     .dy = dy + first,
                                     .rows = count,
                                     .cols = cols,
                                     .mean = a.of[0],
                                     .scale = a.of[1],
                                     .slope = a.of[2],
                                     .offset = a.of[3],
                                     .dx = dx + first});
             });
}

void affine_rows_backward(const Kernels& k, int64_t rows, int64_t channels, const float* scale, const float* y,
                          const float* dy, float* dx) {
  if (y) {
    k.activation_backward(Activation::relu, y, dy, dx, rows * channels);
    dy = dx;
  }
  k.normalize({.x = dy,
               .rows = rows,
               .cols = channels,
               .mean = nullptr,
               .scale = scale,
               .offset = nullptr,
               .relu = false,
               .y = dx});
}

void GroupNorm::forward(const Kernels& k, int64_t samples, const GroupNormForward& of, float* scratch) const {
  double* doubles = reinterpret_cast<double*>(scratch);
  float *middle = scratch + 4 * channels, *scale = middle + channels;
  const int64_t width = channels / groups, size = pixels * channels;
  for (int64_t n = 0; n < samples; ++n) {
    float *mean = of.mean + n * groups, *inverse = of.inverse + n * groups;
    Moments m{0, doubles, doubles + channels};
    observe_rows(k, pixels, channels, of.x + n * size, m);
    for (int64_t g = 0; g < groups; ++g) {
      double one_mean = 0, one_deviation = 0;
      Moments group{0, &one_mean, &one_deviation};
      for (int64_t c = g * width; c < (g + 1) * width; ++c)
        combine_moments(1, {pixels, m.mean + c, m.deviations + c}, group);
      batch_statistics(1, group, epsilon, mean + g, inverse + g);
      std::fill_n(middle + g * width, width, mean[g]);
      std::fill_n(scale + g * width, width, inverse[g]);
    }
    batch_norm_scale(channels, of.gamma, scale, scale);
    normalize_rows(k, {.x = of.x + n * size,
                       .rows = pixels,
                       .cols = channels,
                       .mean = middle,
                       .scale = scale,
                       .offset = of.beta,
                       .relu = false,
                       .y = of.y + n * size});
  }
}

void GroupNorm::backward(const Kernels& k, int64_t samples, const RowNormBackward& of, float* scratch) const {
  double* doubles = reinterpret_cast<double*>(scratch);
  float* middle = scratch + 4 * channels;
  const NormalizeCoefficients out{middle + channels, middle + 2 * channels, middle + 3 * channels};
  const GradientMoments m{doubles, doubles + channels};
  const int64_t width = channels / groups, size = pixels * channels;
  for (int64_t n = 0; n < samples; ++n) {
    const float *x = of.x + n * size, *dy = of.dy + n * size;
    const float *mean = of.mean + n * groups, *inverse = of.inverse + n * groups;
    std::fill_n(doubles, 2 * channels, 0.0);
    for (int64_t g = 0; g < groups; ++g) std::fill_n(middle + g * width, width, mean[g]);
    observe_gradient_rows(k, pixels, channels, x, middle, dy, m);
    for (int64_t g = 0; g < groups; ++g) {
      const double by = static_cast<double>(inverse[g]), share = by / static_cast<double>(pixels * width);
      double sum = 0, product = 0;
      for (int64_t c = g * width; c < (g + 1) * width; ++c) {
        const double weight = of.gamma ? static_cast<double>(of.gamma[c]) : 1.0;
        sum += weight * m.sum[c], product += weight * m.product[c];
        if (of.dgamma) of.dgamma[c] += static_cast<float>(m.product[c] * by);
        if (of.dbeta) of.dbeta[c] += static_cast<float>(m.sum[c]);
        out.scale[c] = static_cast<float>(weight * by);
      }
      std::fill_n(out.slope + g * width, width, static_cast<float>(-by * by * product * share));
      std::fill_n(out.offset + g * width, width, static_cast<float>(-sum * share));
    }
    if (of.dx) normalize_rows_backward(k, pixels, channels, x, middle, dy, out, of.dx + n * size);
  }
}

}  // namespace cnncore
