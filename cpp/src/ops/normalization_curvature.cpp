#include "ops/normalization_curvature.h"

namespace cnncore {
namespace {

/// Access to the values of a set, and means over them.
struct Values {
  explicit Values(const NormalizedSet& normalized) : set(normalized) {
    mean_tangent = mean([&](int64_t i, int64_t) { return x_tangent(i); });
    turn = mean([&](int64_t i, int64_t) { return unit(i) * x_tangent(i); });
  }

  /// The mean of f(place, column) over the set.
  template <class Function>
  double mean(Function f) const {
    double sum = 0;
    for_each([&](int64_t i, int64_t c) { sum += f(i, c); });
    return sum / static_cast<double>(set.rows * set.width);
  }
  template <class Function>
  void for_each(Function f) const {
    for (int64_t r = 0; r < set.rows; ++r)
      for (int64_t c = 0; c < set.width; ++c) f(r * set.pitch + c, c);
  }

  double x_tangent(int64_t i) const { return set.x_tangent ? set.x_tangent[i] : 0.0; }
  double inverse() const { return set.inverse; }
  double unit(int64_t i) const { return (static_cast<double>(set.x[i]) - set.mean) * inverse(); }
  double unit_tangent(int64_t i) const { return inverse() * (x_tangent(i) - mean_tangent - unit(i) * turn); }
  double gamma(int64_t c) const { return set.gamma ? set.gamma[c] : 1.0; }
  double gamma_tangent(int64_t c) const { return set.gamma_tangent ? set.gamma_tangent[c] : 0.0; }

  const NormalizedSet& set;
  double mean_tangent, turn = 0;  // the tangent of `inverse` is -inverse * inverse * turn
};

}  // namespace

void normalized_tangent(const NormalizedSet& set, float* y_tangent) {
  const Values v(set);
  v.for_each([&](int64_t i, int64_t c) {
    const double beta = set.beta_tangent ? set.beta_tangent[c] : 0.0;
    y_tangent[i] = static_cast<float>(v.gamma(c) * v.unit_tangent(i) + v.gamma_tangent(c) * v.unit(i) + beta);
  });
}

void normalized_second(const NormalizedSet& set, const NormalizedGradients& a) {
  const Values v(set);
  const auto g = [&](int64_t i, int64_t c) { return v.gamma(c) * a.dy[i]; };
  const auto g_tangent = [&](int64_t i, int64_t c) {
    return v.gamma(c) * a.dy_tangent[i] + v.gamma_tangent(c) * a.dy[i];
  };
  if (a.dgamma_tangent || a.dbeta_tangent)
    v.for_each([&](int64_t i, int64_t c) {
      const double dgamma = a.dy_tangent[i] * v.unit(i) + a.dy[i] * v.unit_tangent(i);
      if (a.dgamma_tangent) a.dgamma_tangent[c] += static_cast<float>(dgamma);
      if (a.dbeta_tangent) a.dbeta_tangent[c] += a.dy_tangent[i];
    });
  if (!a.dx) return;
  const double sum = v.mean(g), sum_tangent = v.mean(g_tangent);
  const double along = v.mean([&](int64_t i, int64_t c) { return v.unit(i) * g(i, c); });
  const double along_tangent =
      v.mean([&](int64_t i, int64_t c) { return v.unit_tangent(i) * g(i, c) + v.unit(i) * g_tangent(i, c); });
  v.for_each([&](int64_t i, int64_t c) {
    const double u = v.unit(i), dx = v.inverse() * (g(i, c) - sum - u * along);
    const double change = g_tangent(i, c) - sum_tangent - v.unit_tangent(i) * along - u * along_tangent;
    a.dx[i] = static_cast<float>(dx);
    a.dx_tangent[i] = static_cast<float>(v.inverse() * (change - v.turn * dx));
  });
}

}  // namespace cnncore
