// Numbers that carry a bound of their float32 error: a formula written in them is a reference and its tolerance.
#pragma once

#include "arrays.h"

namespace testing {

/// A value in double, and a bound of the error of the same expression in float32. Every operation adds half a unit in
/// the last place of its result to the errors of its operands; a fused multiply-add is never worse.
struct Tracked {
  double value = 0, error = 0;

  Tracked() = default;
  Tracked(double exact) : value(exact) {}  // NOLINT: numbers are written as they are
  Tracked(double result, double brought) : value(result), error(brought + std::fabs(result) * kUnit + kLeast) {}

  static constexpr double kLeast = 0x1p-126;  // denormals may be flushed
};

inline Tracked operator+(Tracked a, Tracked b) { return {a.value + b.value, a.error + b.error}; }
inline Tracked operator-(Tracked a, Tracked b) { return {a.value - b.value, a.error + b.error}; }
inline Tracked operator*(Tracked a, Tracked b) {
  return {a.value * b.value, std::fabs(a.value) * b.error + std::fabs(b.value) * a.error + a.error * b.error};
}
inline Tracked operator/(Tracked a, Tracked b) {
  const double least = std::fabs(b.value) - b.error;
  return {a.value / b.value, (a.error + std::fabs(a.value / b.value) * b.error) / least};
}
inline Tracked root(Tracked a) {
  const double least = std::sqrt(std::max(a.value - a.error, 0.0));
  return {std::sqrt(a.value), a.error / (std::sqrt(a.value) + least)};
}
inline Tracked largest(Tracked a, Tracked b) {
  Tracked result = a.value > b.value ? a : b;
  result.error = std::max(a.error, b.error);
  return result;
}
inline Tracked absolute(Tracked a) {
  a.value = std::fabs(a.value);
  return a;
}

}  // namespace testing
