// activity_regularization returns its input, and adds (l1 * sum |x| + l2 * sum x^2) / batch size to the loss. The sums
// are over all values of the batch.
#include <algorithm>
#include <cmath>

#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

class ActivityRegularizationStep : public StepWithTangents {
 public:
  ActivityRegularizationStep(double l1, double l2, int64_t size) : l1_(l1), l2_(l2), size_(size) {}
  void forward(const Run& run) const override {
    double absolute = 0, squares = 0;
    for (int64_t i = 0; i < run.count * size_; ++i) {
      absolute += std::abs(run.x[0][i]);
      squares += static_cast<double>(run.x[0][i]) * run.x[0][i];
    }
    if (run.loss) *run.loss += l1_ * absolute + l2_ * squares;
    std::copy_n(run.x[0], run.count * size_, run.y);
  }
  void backward(const Run& run) const override {
    if (!run.dx[0]) return;
    const float l1 = static_cast<float>(l1_) * run.share, l2 = bend(run);
    for (int64_t i = 0; i < run.count * size_; ++i) {
      const float x = run.x[0][i], sign = x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
      run.dx[0][i] = run.dy[i] + l1 * sign + l2 * x;
    }
  }
  void tangent(const Run& run, const Run& tangent) const override {
    std::copy_n(tangent.x[0], run.count * size_, tangent.y);
  }
  // The second derivatives of this loss are part of every kind of curvature.
  void backward_gauss_newton(const Run& run, const Run& tangent) const override {
    for (int64_t i = 0; tangent.dx[0] && i < run.count * size_; ++i)
      tangent.dx[0][i] = tangent.dy[i] + bend(run) * tangent.x[0][i];
  }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "activity_regularization"; }

 private:
  // The second derivative of the loss with respect to a value.
  float bend(const Run& run) const { return static_cast<float>(2 * l2_) * run.share; }

  double l1_, l2_;
  int64_t size_;
};

class ActivityRegularizationOp : public Op {
 public:
  ActivityRegularizationOp(const Shape& shape, double l1, double l2) : Op({shape}, shape), l1_(l1), l2_(l2) {}
  bool is_view(Purpose purpose) const override { return purpose == Purpose::inference; }
  std::unique_ptr<Step> plan(const StepContext&) const override {
    return std::make_unique<ActivityRegularizationStep>(l1_, l2_, element_count(output()));
  }

 private:
  double l1_, l2_;
};

}  // namespace

OpPtr make_activity_regularization(AttributeReader& a, const std::vector<Shape>& inputs) {
  const double l1 = a.real("l1", 0.0), l2 = a.real("l2", 0.0);
  check(std::isfinite(l1) && std::isfinite(l2), a.op(), "expected finite factors. Received: l1=", l1, ", l2=", l2);
  return std::make_shared<ActivityRegularizationOp>(only_input(a, inputs), l1, l2);
}

}  // namespace cnncore
