// Normalization as functions of arrays. Threads take pieces of the rows, and the sums of the pieces are combined in a
// fixed order.
#include "cnncore/normalization.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/normalization_rows.h"
#include "ops/shards.h"
#include "ops/validate.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

// How the rows are cut into pieces. A piece is enough work to be worth a thread, and its size depends on the problem
// only.
struct Pieces {
  Pieces(int64_t all_rows, int64_t cols) : rows(all_rows), step(std::max<int64_t>(64, 65536 / cols)) {}
  int64_t count() const { return (rows + step - 1) / step; }
  int64_t size(int64_t piece) const { return std::min(step, rows - piece * step); }
  int64_t rows, step;
};

void check_epsilon(const char* op, float epsilon) {
  check(std::isfinite(epsilon) && epsilon >= 0.0f, op,
        "expected an epsilon that is finite and not negative. Received: ", epsilon);
}

void validate(const BatchNormParams& p) {
  constexpr const char* op = "[batch_normalization] ";
  check(p.rows >= 1, op, "expected at least one row. Received: ", p.rows);
  check_sizes(op, {{"channels", p.channels}}, 1);
  check_epsilon(op, p.epsilon);
}

void validate(const LayerNormParams& p) {
  constexpr const char* op = "[layer_normalization] ";
  check(p.rows >= 0, op, "expected no negative number of rows. Received: ", p.rows);
  check_sizes(op, {{"columns", p.cols}}, 1);
  check_epsilon(op, p.epsilon);
}

void validate(const GroupNormParams& p) {
  constexpr const char* op = "[group_normalization] ";
  check_sizes(op, {{"pixels", p.pixels}, {"channels", p.channels}, {"groups", p.groups}}, 1);
  check(p.channels % p.groups == 0, op, "expected groups that divide the ", p.channels,
        " channels. Received: ", p.groups);
  check_epsilon(op, p.epsilon);
}

// Computes y for all rows, piece by piece.
template <class Function>
void for_pieces(const Pieces& pieces, int64_t cols, int64_t cost, Function f) {
  parallel_for(pieces.count(), cost * pieces.rows * cols,
               [&](int64_t i, int) { f(i, pieces.step * i * cols, pieces.size(i)); });
}

}  // namespace

void batch_normalization(const BatchNormParams& p, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* variance) {
  validate(p);
  const int64_t channels = p.channels;
  const Pieces pieces(p.rows, channels);
  std::vector<double> memory(static_cast<size_t>((pieces.count() + 1) * 2 * channels));
  const auto moments_of = [&](int64_t i) {
    double* mean_of_piece = memory.data() + i * 2 * channels;
    return Moments{0, mean_of_piece, mean_of_piece + channels};
  };
  for_pieces(pieces, channels, 4, [&](int64_t i, int64_t at, int64_t rows) {
    Moments m = moments_of(i);
    observe_rows(kernels(), rows, channels, x + at, m);
  });
  Moments all = moments_of(pieces.count());
  for (int64_t i = 0; i < pieces.count(); ++i) {
    Moments m = moments_of(i);
    m.count = pieces.size(i);
    combine_moments(channels, m, all);
  }
  std::vector<float> scale(static_cast<size_t>(channels));
  batch_statistics(channels, all, p.epsilon, mean, scale.data());
  for (int64_t c = 0; c < channels; ++c)
    variance[c] = static_cast<float>(all.deviations[c] / static_cast<double>(all.count));
  batch_norm_scale(channels, gamma, scale.data(), scale.data());
  for_pieces(pieces, channels, 4, [&](int64_t, int64_t at, int64_t rows) {
    normalize_rows(kernels(), {.x = x + at,
                               .rows = rows,
                               .cols = channels,
                               .mean = mean,
                               .scale = scale.data(),
                               .offset = beta,
                               .relu = false,
                               .y = y + at});
  });
}

void batch_normalization_inference(const BatchNormParams& p, const float* x, const float* gamma, const float* beta,
                                   const float* mean, const float* variance, float* y) {
  validate(p);
  std::vector<float> scale(static_cast<size_t>(p.channels));
  inverse_deviation(p.channels, variance, p.epsilon, scale.data());
  batch_norm_scale(p.channels, gamma, scale.data(), scale.data());
  for_pieces(Pieces(p.rows, p.channels), p.channels, 4, [&](int64_t, int64_t at, int64_t rows) {
    normalize_rows(kernels(), {.x = x + at,
                               .rows = rows,
                               .cols = p.channels,
                               .mean = mean,
                               .scale = scale.data(),
                               .offset = beta,
                               .relu = false,
                               .y = y + at});
  });
}

void batch_normalization_backward(const BatchNormParams& p, const BatchNormBackward& of) {
  validate(p);
  const int64_t channels = p.channels;
  const Pieces pieces(p.rows, channels);
  std::vector<double> memory(static_cast<size_t>((pieces.count() + 1) * 2 * channels));
  const auto sums_of = [&](int64_t i) {
    double* sum = memory.data() + i * 2 * channels;
    return GradientMoments{sum, sum + channels};
  };
  for_pieces(pieces, channels, 4, [&](int64_t i, int64_t at, int64_t rows) {
    observe_gradient_rows(kernels(), rows, channels, of.x + at, of.mean, of.dy + at, sums_of(i));
  });
  const GradientMoments all = sums_of(pieces.count());
  for (int64_t i = 0; i < pieces.count(); ++i) combine_gradient_moments(channels, sums_of(i), all);
  std::vector<float> floats(static_cast<size_t>(4 * channels));
  float* inverse = floats.data();
  const NormalizeCoefficients out{inverse + channels, inverse + 2 * channels, inverse + 3 * channels};
  inverse_deviation(channels, of.variance, p.epsilon, inverse);
  batch_norm_gradients(channels, p.rows, of.gamma, inverse, all, of.dgamma, of.dbeta, out);
  for_pieces(pieces, channels, 6, [&](int64_t, int64_t at, int64_t rows) {
    normalize_rows_backward(kernels(), rows, channels, of.x + at, of.mean, of.dy + at, out, of.dx + at);
  });
}

void layer_normalization(const LayerNormParams& p, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* inverse) {
  validate(p);
  const Pieces pieces(p.rows, p.cols);
  for_pieces(pieces, p.cols, 8, [&](int64_t i, int64_t at, int64_t rows) {
    const int64_t r = i * pieces.step;
    layer_norm_rows(kernels(), {.x = x + at,
                                .rows = rows,
                                .cols = p.cols,
                                .gamma = gamma,
                                .beta = beta,
                                .epsilon = p.epsilon,
                                .y = y + at,
                                .mean = mean + r,
                                .inverse = inverse + r});
  });
}

void layer_normalization_backward(const LayerNormParams& p, const RowNormBackward& of) {
  validate(p);
  const Pieces pieces(p.rows, p.cols);
  std::vector<float> partials(static_cast<size_t>(pieces.count() * 2 * p.cols));
  for_pieces(pieces, p.cols, 12, [&](int64_t i, int64_t at, int64_t rows) {
    const int64_t r = i * pieces.step;
    float* partial = partials.data() + i * 2 * p.cols;
    layer_norm_rows_backward(kernels(), {.x = of.x + at,
                                         .dy = of.dy + at,
                                         .rows = rows,
                                         .cols = p.cols,
                                         .gamma = of.gamma,
                                         .mean = of.mean + r,
                                         .inverse = of.inverse + r,
                                         .dx = of.dx + at,
                                         .dgamma = partial,
                                         .dbeta = partial + p.cols});
  });
  std::fill_n(of.dgamma, p.cols, 0.0f), std::fill_n(of.dbeta, p.cols, 0.0f);
  for (int64_t i = 0; i < pieces.count(); ++i) {
    kernels().accumulate(partials.data() + i * 2 * p.cols, of.dgamma, p.cols);
    kernels().accumulate(partials.data() + (i * 2 + 1) * p.cols, of.dbeta, p.cols);
  }
}

void group_normalization(const GroupNormParams& p, const float* x, const float* gamma, const float* beta, float* y,
                         float* mean, float* inverse) {
  validate(p);
  const GroupNorm op{p.pixels, p.channels, p.groups, p.epsilon};
  const Shards shards(p.batch);
  std::vector<double> scratch(static_cast<size_t>(shards.count * op.scratch_size()));
  parallel_for(shards.count, 8 * p.batch * p.pixels * p.channels, [&](int64_t s, int) {
    const int64_t n = shards.begin(s), at = n * p.pixels * p.channels;
    op.forward(kernels(), shards.end(s) - n,
               {.x = x + at,
                .gamma = gamma,
                .beta = beta,
                .y = y + at,
                .mean = mean + n * p.groups,
                .inverse = inverse + n * p.groups},
               reinterpret_cast<float*>(scratch.data() + s * op.scratch_size()));
  });
}

void group_normalization_backward(const GroupNormParams& p, const RowNormBackward& of) {
  validate(p);
  const GroupNorm op{p.pixels, p.channels, p.groups, p.epsilon};
  const Shards shards(p.batch);
  std::vector<double> scratch(static_cast<size_t>(shards.count * op.scratch_size()));
  std::vector<float> partials(static_cast<size_t>(shards.count * 2 * p.channels));
  parallel_for(shards.count, 12 * p.batch * p.pixels * p.channels, [&](int64_t s, int) {
    const int64_t n = shards.begin(s), at = n * p.pixels * p.channels;
    float* partial = partials.data() + s * 2 * p.channels;
    op.backward(kernels(), shards.end(s) - n,
                {.x = of.x + at,
                 .gamma = of.gamma,
                 .mean = of.mean + n * p.groups,
                 .inverse = of.inverse + n * p.groups,
                 .dy = of.dy + at,
                 .dx = of.dx + at,
                 .dgamma = partial,
                 .dbeta = partial + p.channels},
                reinterpret_cast<float*>(scratch.data() + s * op.scratch_size()));
  });
  std::fill_n(of.dgamma, p.channels, 0.0f), std::fill_n(of.dbeta, p.channels, 0.0f);
  for (int64_t s = 0; s < shards.count; ++s) {
    kernels().accumulate(partials.data() + s * 2 * p.channels, of.dgamma, p.channels);
    kernels().accumulate(partials.data() + (s * 2 + 1) * p.channels, of.dbeta, p.channels);
  }
}

}  // namespace cnncore
