// The op unit_normalization, which divides vectors by their length L.
//   y = x / L, where L = sqrt(max(sum x^2, 1e-12))
//   dx = (dy - y (y . dy)) / L. If the sum is less than 1e-12, L does not depend on x, and dx = dy / L.
#include <algorithm>
#include <cmath>

#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

constexpr float kLeastSquares = 1e-12f;

// Computes the dot product of a and b as eight separate sums of every eighth term, so that compilers can use vectors.
float dot_in_lanes(const float* a, const float* b, int64_t n) {
  constexpr int64_t kLanes = 8;
  float sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  for (; i < n; ++i) sums[i % kLanes] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

struct VectorLength {
  float value;
  bool depends_on_x;
};

VectorLength vector_length(const float* x, int64_t n) {
  const float squares = dot_in_lanes(x, x, n);
  // With this comparison, the length of a vector with NaN is NaN.
  return {std::sqrt(squares < kLeastSquares ? kLeastSquares : squares), !(squares < kLeastSquares)};
}

class UnitNormalizationStep : public StepWithTangents {
 public:
  UnitNormalizationStep(int64_t vectors, int64_t size) : vectors_(vectors), size_(size) {}

  void forward(const Run& run) const override {
    for (int64_t at = 0; at < run.count * vectors_ * size_; at += size_) {
      const VectorLength length = vector_length(run.x[0] + at, size_);
      for (int64_t i = 0; i < size_; ++i) run.y[at + i] = run.x[0][at + i] / length.value;
    }
  }

  void backward(const Run& run) const override {
    if (!run.dx[0]) return;
    for (int64_t at = 0; at < run.count * vectors_ * size_; at += size_) {
      const VectorLength length = vector_length(run.x[0] + at, size_);
      multiply_by_jacobian(length, run.y + at, run.dy + at, run.dx[0] + at);
    }
  }

  void tangent(const Run& run, const Run& tangent) const override {
    for (int64_t at = 0; at < run.count * vectors_ * size_; at += size_) {
      float* to = tangent.y + at;
      if (tangent.x[0])  // the matrix of derivatives is symmetric, so the tangent has the formula of the gradient
        multiply_by_jacobian(vector_length(run.x[0] + at, size_), run.y + at, tangent.x[0] + at, to);
      else
        std::fill_n(to, size_, 0.0f);
    }
  }

  // With a = y . dy, b = y . x' and y' = (x' - y b) / L, so that L' = b:
  //   dx' = (dy' - y (y' . dy + y . dy') - y' a - dx b) / L
  void backward_tangent(const Run& run, const Run& tangent) const override {
    if (!run.dx[0]) return;
    for (int64_t at = 0; at < run.count * vectors_ * size_; at += size_) {
      const VectorLength length = vector_length(run.x[0] + at, size_);
      const float *y = run.y + at, *dy = run.dy + at, *x_tangent = tangent.x[0] ? tangent.x[0] + at : nullptr;
      float *dx = run.dx[0] + at, *dx_tangent = tangent.dx[0] + at;
      multiply_by_jacobian(length, y, dy, dx);
      multiply_by_jacobian(length, y, tangent.dy + at, dx_tangent);
      if (!x_tangent || !length.depends_on_x) continue;
      const float a = dot_in_lanes(y, dy, size_), b = dot_in_lanes(y, x_tangent, size_);
      const float along = (dot_in_lanes(x_tangent, dy, size_) - a * b) / length.value;  // y' . dy
      for (int64_t i = 0; i < size_; ++i) {
        const float y_tangent = (x_tangent[i] - y[i] * b) / length.value;
        dx_tangent[i] -= (y[i] * along + y_tangent * a + dx[i] * b) / length.value;
      }
    }
  }

  std::string describe() const override { return "unit_normalization"; }

 private:
  // Computes result = (v - y (y . v)) / L, the product of the matrix of derivatives of y and v. result may be v.
  void multiply_by_jacobian(const VectorLength& length, const float* y, const float* v, float* result) const {
    const float along = length.depends_on_x ? dot_in_lanes(y, v, size_) : 0.0f;
    for (int64_t i = 0; i < size_; ++i) result[i] = (v[i] - y[i] * along) / length.value;
  }

  int64_t vectors_, size_;
};

class UnitNormalizationOp : public Op {
 public:
  UnitNormalizationOp(const Shape& shape, int64_t size) : Op({shape}, shape), size_(size) {}
  std::unique_ptr<Step> plan(const StepContext&) const override {
    return std::make_unique<UnitNormalizationStep>(element_count(output()) / size_, size_);
  }

 private:
  int64_t size_;
};

}  // namespace

// Attributes: axes is the number of the last axes along which the values of a vector lie.
OpPtr make_unit_normalization(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& shape = only_input(a, inputs);
  const int64_t rank = static_cast<int64_t>(shape.size()), axes = a.integer("axes", 1);
  check(axes >= 1 && axes <= rank, a.op(), "expected from 1 to ", rank, " axes. Received: ", axes);
  int64_t size = 1;
  for (int64_t i = rank - axes; i < rank; ++i) size *= shape[static_cast<size_t>(i)];
  return std::make_shared<UnitNormalizationOp>(shape, size);
}

}  // namespace cnncore
