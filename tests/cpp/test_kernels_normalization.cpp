// Normalization of every instruction set against double, on shapes with awkward tails.
#include "arrays.h"
#include "isas.h"
#include "ops/normalization_rows.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr float kEpsilon = 1e-3f;

struct Statistics {
  double mean, variance;
  double inverse() const { return 1 / std::sqrt(variance + static_cast<double>(kEpsilon)); }
};

// The mean and the variance of x[i * step] for i < count.
Statistics statistics_of(const float* x, int64_t count, int64_t step) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) sum += x[i * step];
  const double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) squares += (x[i * step] - mean) * (x[i * step] - mean);
  return {mean, squares / static_cast<double>(count)};
}

void check_batch(const Kernels& k, int64_t rows, int64_t channels, bool relu, Random& random) {
  CAPTURE(rows);
  CAPTURE(channels);
  Floats x(rows * channels, random), y(x.size(), random), dy(x.size(), random), dx(x.size(), random);
  Floats gamma(channels, random), beta(channels, random);
  fill(x, random, 99, 101), fill(dy, random), fill(gamma, random, 0.5f, 2), fill(beta, random);
  // in two parts, as if two threads had summed them
  std::vector<double> doubles(static_cast<size_t>(8 * channels));
  const auto array = [&](int64_t i) { return doubles.data() + i * channels; };
  Moments all{0, array(0), array(1)}, rest{0, array(2), array(3)};
  const int64_t half = rows / 3;
  observe_rows(k, half, channels, x.data(), all);
  observe_rows(k, rows - half, channels, x.data() + half * channels, rest);
  combine_moments(channels, rest, all);
  CHECK(all.count == rows);
  std::vector<float> floats(static_cast<size_t>(6 * channels));
  float *mean = floats.data(), *inverse = mean + channels, *scale = inverse + channels;
  batch_statistics(channels, all, kEpsilon, mean, inverse);
  batch_norm_scale(channels, gamma.data(), inverse, scale);
  normalize_rows(k, {.x = x.data(),
                     .rows = rows,
                     .cols = channels,
                     .mean = mean,
                     .scale = scale,
                     .offset = beta.data(),
                     .relu = relu,
                     .y = y.data()});
  Floats masked(x.size(), random);
  std::copy_n(dy.data(), dy.size(), masked.data());
  const auto observe_gradient = [&](int64_t begin, int64_t end, const GradientMoments& m) {
    const int64_t at = begin * channels;
    relu ? observe_relu_gradient_rows(k, end - begin, channels, x.data() + at, mean, y.data() + at, masked.data() + at,
                                      m)
         : observe_gradient_rows(k, end - begin, channels, x.data() + at, mean, dy.data() + at, m);
  };
  GradientMoments sums{array(4), array(5)}, others{array(6), array(7)};
  observe_gradient(0, half, sums);
  observe_gradient(half, rows, others);
  combine_gradient_moments(channels, others, sums);
  Floats dgamma(channels, random), dbeta(channels, random);
  const NormalizeCoefficients out{scale + channels, scale + 2 * channels, scale + 3 * channels};
  batch_norm_gradients(channels, rows, gamma.data(), inverse, sums, dgamma.data(), dbeta.data(), out);
  normalize_rows_backward(k, rows, channels, x.data(), mean, masked.data(), out, dx.data());

  Mismatches wrong;
  const double n = static_cast<double>(rows);
  for (int64_t c = 0; c < channels; ++c) {
    const Statistics s = statistics_of(x.data() + c, rows, channels);
    // x lies near 100 with a deviation of about 1: a rounding error of x changes xhat by the error over the deviation
    const double blur = 8 * kUnit * 101 * s.inverse();
    wrong.expect(mean[c], s.mean, 4 * kUnit * 101);
    wrong.expect(inverse[c], s.inverse(), s.inverse() * (8 * kUnit + blur * blur + blur / std::sqrt(n)));
    double sum = 0, product = 0;
    const auto xhat = [&](int64_t r) { return (x[r * channels + c] - s.mean) * s.inverse(); };
    const auto gradient = [&](int64_t r) {
      return relu && !(y[r * channels + c] > 0) ? 0.0 : static_cast<double>(dy[r * channels + c]);
    };
    for (int64_t r = 0; r < rows; ++r) sum += gradient(r), product += gradient(r) * xhat(r);
    wrong.expect(dbeta[c], sum, (70 * kUnit) * n);
    wrong.expect(dgamma[c], product, (70 * kUnit + blur) * n * 4);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = r * channels + c;
      const double value = xhat(r) * gamma[c] + beta[c];
      wrong.expect(y[at], relu ? std::fmax(value, 0) : value, 4 * (blur + 8 * kUnit) * (1 + std::fabs(xhat(r))));
      const double lead = gamma[c] * s.inverse();
      wrong.expect(dx[at], lead * (gradient(r) - sum / n - xhat(r) * product / n),
                   lead * 8 * (blur + 70 * kUnit) * (1 + xhat(r) * xhat(r)));
    }
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((x.intact() && y.intact() && dy.intact() && dx.intact() && gamma.intact() && beta.intact()));
}

// Checks a normalization over rows or groups: `count` sets of values at offset(set, i), i < size; the gamma of each
// value is at channel(set, i).
template <class Offset, class Channel>
void check_sets(const Floats& x, const Floats& y, const Floats& dy, const Floats& dx, const Floats& gamma,
                const Floats& beta, const Floats& dgamma, const Floats& dbeta, int64_t count, int64_t size,
                Offset offset, Channel channel) {
  Mismatches wrong;
  const double n = static_cast<double>(size);
  std::vector<Sum> gamma_sums(static_cast<size_t>(gamma.size())), beta_sums(static_cast<size_t>(gamma.size()));
  for (int64_t set = 0; set < count; ++set) {
    std::vector<float> values;
    for (int64_t i = 0; i < size; ++i) values.push_back(x[offset(set, i)]);
    const Statistics s = statistics_of(values.data(), size, 1);
    const auto xhat = [&](int64_t i) { return (x[offset(set, i)] - s.mean) * s.inverse(); };
    double sum = 0, product = 0;
    for (int64_t i = 0; i < size; ++i) {
      const int64_t at = offset(set, i), c = channel(set, i);
      const double g = static_cast<double>(dy[at]) * gamma[c];
      sum += g, product += g * xhat(i);
      gamma_sums[static_cast<size_t>(c)].add(dy[at], xhat(i)), beta_sums[static_cast<size_t>(c)].add(dy[at]);
    }
    const double blur = (40 + std::sqrt(n)) * kUnit * (1 + std::fabs(s.mean) * s.inverse());
    for (int64_t i = 0; i < size; ++i) {
      const int64_t at = offset(set, i), c = channel(set, i);
      wrong.expect(y[at], xhat(i) * gamma[c] + beta[c], 4 * blur * (1 + std::fabs(xhat(i))));
      wrong.expect(dx[at], s.inverse() * (dy[at] * gamma[c] - sum / n - xhat(i) * product / n),
                   16 * s.inverse() * blur * (1 + xhat(i) * xhat(i)));
    }
  }
  for (int64_t c = 0; c < gamma.size(); ++c) {
    const Sum &of_gamma = gamma_sums[static_cast<size_t>(c)], &of_beta = beta_sums[static_cast<size_t>(c)];
    wrong.expect(dgamma[c], of_gamma.value, of_gamma.bound(60) + 1e-6 * of_gamma.magnitude);
    wrong.expect(dbeta[c], of_beta.value, of_beta.bound(60));
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((x.intact() && y.intact() && dy.intact() && dx.intact() && dgamma.intact() && dbeta.intact()));
}

void check_layer(const Kernels& k, int64_t rows, int64_t cols, Random& random) {
  CAPTURE(cols);
  Floats x(rows * cols, random), y(x.size(), random), dy(x.size(), random), dx(x.size(), random);
  Floats gamma(cols, random), beta(cols, random), dgamma(cols, random), dbeta(cols, random);
  Floats mean(rows, random), inverse(rows, random);
  fill(x, random, -1, 3), fill(dy, random), fill(gamma, random), fill(beta, random);
  std::fill_n(dgamma.data(), cols, 0.0f), std::fill_n(dbeta.data(), cols, 0.0f);
  layer_norm_rows(k,
                  {x.data(), rows, cols, gamma.data(), beta.data(), kEpsilon, y.data(), mean.data(), inverse.data()});
  layer_norm_rows_backward(k, {x.data(), dy.data(), rows, cols, gamma.data(), mean.data(), inverse.data(), dx.data(),
                               dgamma.data(), dbeta.data()});
  check_sets(
      x, y, dy, dx, gamma, beta, dgamma, dbeta, rows, cols, [=](int64_t r, int64_t i) { return r * cols + i; },
      [](int64_t, int64_t i) { return i; });
}

void check_group(const Kernels& k, int64_t samples, const GroupNorm& op, Random& random) {
  CAPTURE(op.channels);
  CAPTURE(op.groups);
  const int64_t size = op.pixels * op.channels, width = op.channels / op.groups;
  Floats x(samples * size, random), y(x.size(), random), dy(x.size(), random), dx(x.size(), random);
  Floats gamma(op.channels, random), beta(op.channels, random), dgamma(op.channels, random), dbeta(op.channels, random);
  Floats mean(samples * op.groups, random), inverse(samples * op.groups, random);
  std::vector<double> scratch(static_cast<size_t>(op.scratch_size()));
  float* floats = reinterpret_cast<float*>(scratch.data());
  fill(x, random, -1, 3), fill(dy, random), fill(gamma, random), fill(beta, random);
  std::fill_n(dgamma.data(), op.channels, 0.0f), std::fill_n(dbeta.data(), op.channels, 0.0f);
  op.forward(k, samples,
             {.x = x.data(),
              .gamma = gamma.data(),
              .beta = beta.data(),
              .y = y.data(),
              .mean = mean.data(),
              .inverse = inverse.data()},
             floats);
  op.backward(k, samples,
              {.x = x.data(),
               .gamma = gamma.data(),
               .mean = mean.data(),
               .inverse = inverse.data(),
               .dy = dy.data(),
               .dx = dx.data(),
               .dgamma = dgamma.data(),
               .dbeta = dbeta.data()},
              floats);
  const auto channel = [=](int64_t set, int64_t i) { return set % op.groups * width + i % width; };
  check_sets(
      x, y, dy, dx, gamma, beta, dgamma, dbeta, samples * op.groups, op.pixels * width,
      [=](int64_t set, int64_t i) { return set / op.groups * size + i / width * op.channels + channel(set, i); },
      channel);
}

}  // namespace

TEST_CASE("batch normalization, in two parts") {
  for_each_isa([](const Kernels& k) {
    Random random(71);
    for (const int64_t channels : {1, 3, 8, 15, 16, 17, 33, 64, 128, 145, 257, 300})
      for (const int64_t rows : {2, 3, 64, 70, 500}) check_batch(k, rows, channels, random.coin(), random);
  });
}

TEST_CASE("moving statistics and the affine form of inference") {
  double mean[] = {2, -1}, deviations[] = {8, 0};
  const Moments m{4, mean, deviations};
  float moving_mean[] = {0, 1}, moving_variance[] = {1, 1}, inverse[2], scale[2], offset[2];
  update_moving(2, m, 0.75f, moving_mean, moving_variance);
  CHECK((moving_mean[0] == 0.5f && moving_mean[1] == 0.5f));
  CHECK((moving_variance[0] == 1.25f && moving_variance[1] == 0.75f));  // by n, not n - 1
  inverse_deviation(2, moving_variance, 0.0f, inverse);
  const float gamma[] = {2, 3}, beta[] = {1, 0};
  batch_norm_affine(2, gamma, beta, moving_mean, inverse, scale, offset);
  CHECK(scale[0] == doctest::Approx(2 / std::sqrt(1.25)));
  CHECK(offset[1] == doctest::Approx(-0.5 * 3 / std::sqrt(0.75)));
}

TEST_CASE("the gradient of given statistics passes the scale, and a relu's mask") {
  for_each_isa([](const Kernels& k) {
    const float scale[] = {2, 3}, y[] = {1, 0, -1, 4}, dy[] = {1, 1, 1, 1};
    float dx[4];
    affine_rows_backward(k, 2, 2, scale, nullptr, dy, dx);
    CHECK((dx[0] == 2 && dx[1] == 3 && dx[2] == 2 && dx[3] == 3));
    affine_rows_backward(k, 2, 2, scale, y, dy, dx);
    CHECK((dx[0] == 2 && dx[1] == 0 && dx[2] == 0 && dx[3] == 3));
  });
}

TEST_CASE("layer normalization") {
  for_each_isa([](const Kernels& k) {
    Random random(72);
    for (const int64_t cols : {1, 2, 7, 16, 31, 64, 257, 5000}) check_layer(k, random.integer(1, 5), cols, random);
  });
}

TEST_CASE("group normalization") {
  for_each_isa([](const Kernels& k) {
    Random random(73);
    for (const int64_t width : {1, 2, 5, 16})
      for (const int64_t groups : {1, 3, 8})
        check_group(k, 2, {random.integer(1, 200), width * groups, groups, kEpsilon}, random);
  });
}
