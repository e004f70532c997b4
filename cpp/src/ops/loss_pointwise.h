// Losses that are a mean or a sum over the values of a row. Each returns the loss and its derivative for one prediction
// y and one target t. They are constants that hold a lambda, and not functions, because compilers inline lambdas that
// are passed as arguments.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cnncore::pointwise {

// Keras clips in float32, where 1 - 1e-7 is rounded to 1 - 2^-23.
constexpr double kEpsilon = 1e-7f, kMost = 1.0f - 1e-7f;

struct Point {
  double value, slope;
};

inline double clip(double y, double most = kMost) { return y < kEpsilon ? kEpsilon : y > most ? most : y; }
inline bool inside(double y, double most = kMost) { return y >= kEpsilon && y <= most; }
inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double sign(double x) { return static_cast<double>(x > 0) - static_cast<double>(x < 0); }

inline constexpr auto squared_error = [](double y, double t) {
  const double d = y - t;
  return Point{d * d, 2 * d};
};

inline constexpr auto absolute_error = [](double y, double t) {
  const double d = y - t;
  return Point{std::abs(d), sign(d)};
};

inline constexpr auto percentage_error = [](double y, double t) {
  const double share = 100 / std::max(std::abs(t), kEpsilon);
  return Point{share * std::abs(y - t), share * sign(y - t)};
};

inline constexpr auto squared_logarithmic_error = [](double y, double t) {
  const double bounded = y < kEpsilon ? kEpsilon : y;
  const double d = std::log(1 + bounded) - std::log(1 + std::max(t, kEpsilon));
  return Point{d * d, y >= kEpsilon ? 2 * d / (1 + bounded) : 0};
};

inline Point huber(double y, double t, double delta) {
  const double d = y - t, size = std::abs(d);
  if (size <= delta) return {0.5 * d * d, d};
  return {delta * size - 0.5 * delta * delta, delta * sign(d)};
}

inline constexpr auto log_cosh = [](double y, double t) {
  const double d = y - t, size = std::abs(d), e = std::exp(-2 * size);
  return Point{size + std::log(1 + e) - std::numbers::ln2, std::copysign((1 - e) / (1 + e), d)};
};

// The target of a hinge loss: 0 stands for -1.
inline double side(double t) { return t == 0 ? -1 : t; }

inline constexpr auto hinge = [](double y, double target) {
  const double t = side(target), margin = 1 - t * y;
  return Point{margin < 0 ? 0 : margin, margin > 0 ? -t : 0};
};

inline constexpr auto squared_hinge = [](double y, double target) {
  const double t = side(target), margin = 1 - t * y;
  return Point{margin < 0 ? 0 : margin * margin, margin > 0 ? -2 * t * margin : 0};
};

inline constexpr auto kl_divergence = [](double y, double t) {
  const double target = clip(t, 1), bounded = clip(y, 1);
  return Point{target * std::log(target / bounded), inside(y, 1) ? -target / y : 0};
};

inline constexpr auto poisson = [](double y, double t) {
  return Point{y - t * std::log(y + kEpsilon), 1 - t / (y + kEpsilon)};
};

// p has been clipped before, so 1 - p is accurate enough.
inline double crossentropy(double p, double t) {
  double value = 0;
  if (t != 0) value -= t * std::log(p);
  if (t != 1) value -= (1 - t) * std::log(1 - p);
  return value;
}

inline constexpr auto binary_crossentropy = [](double y, double t) {
  const double p = clip(y);
  return Point{crossentropy(p, t), inside(y) ? (p - t) / (p * (1 - p)) : 0};
};

struct Focal {
  double alpha, gamma;
  bool balanced;
};

inline Point focal_crossentropy(double y, double t, const Focal& focal) {
  const Point entropy = binary_crossentropy(y, t);
  const double miss = 1 - (t * y + (1 - t) * (1 - y));
  const double weight = focal.balanced ? t * focal.alpha + (1 - t) * (1 - focal.alpha) : 1;
  const double factor = std::pow(miss, focal.gamma);
  const double change = miss == 0 ? 0 : -focal.gamma * std::pow(miss, focal.gamma - 1) * (2 * t - 1);
  return {weight * factor * entropy.value, weight * (factor * entropy.slope + change * entropy.value)};
}

inline Point logits_focal_crossentropy(double x, double t, const Focal& focal) {
  const double p = sigmoid(x);
  const Point point = focal_crossentropy(p, t, focal);
  return {point.value, point.slope * p * (1 - p)};
}

}  // namespace cnncore::pointwise
