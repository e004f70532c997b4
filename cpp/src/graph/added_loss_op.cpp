// added_loss returns its first input, and adds weight * m to the loss. A sample's loss is the sum of its values in the
// second input, and m is the mean of the losses of all samples, or with `summed` their sum.
#include <algorithm>
#include <cmath>

#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

class AddedLossStep : public StepWithTangents {
 public:
  AddedLossStep(double weight, bool summed, int64_t size, int64_t terms)
      : weight_(weight), summed_(summed), size_(size), terms_(terms) {}
  void forward(const Run& run) const override {
    if (run.loss) {
      double sum = 0;
      for (int64_t i = 0; i < run.count * terms_; ++i) sum += run.x[1][i];
      *run.loss += weight_ * sum / (summed_ ? static_cast<double>(run.share) : 1.0);
    }
    std::copy_n(run.x[0], run.count * size_, run.y);
  }
  void backward(const Run& run) const override {
    if (run.dx[0]) std::copy_n(run.dy, run.count * size_, run.dx[0]);
    if (run.dx[1])
      std::fill_n(run.dx[1], run.count * terms_, static_cast<float>(weight_) * (summed_ ? 1.0f : run.share));
  }
  // The added loss is linear in its input, so it has no second derivatives of its own.
  void tangent(const Run& run, const Run& tangent) const override {
    std::copy_n(tangent.x[0], run.count * size_, tangent.y);
  }
  void backward_gauss_newton(const Run& run, const Run& tangent) const override {
    if (tangent.dx[0]) std::copy_n(tangent.dy, run.count * size_, tangent.dx[0]);
    if (tangent.dx[1]) std::fill_n(tangent.dx[1], run.count * terms_, 0.0f);
  }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "added_loss"; }

 private:
  double weight_;
  bool summed_;
  int64_t size_, terms_;
};

class AddedLossOp : public Op {
 public:
  AddedLossOp(const std::vector<Shape>& inputs, double weight, bool summed)
      : Op(inputs, inputs[0]), weight_(weight), summed_(summed) {}
  std::unique_ptr<Step> plan(const StepContext&) const override {
    return std::make_unique<AddedLossStep>(weight_, summed_, element_count(inputs()[0]), element_count(inputs()[1]));
  }

 private:
  double weight_;
  bool summed_;
};

}  // namespace

OpPtr make_added_loss(AttributeReader& a, const std::vector<Shape>& inputs) {
  check(inputs.size() == 2, a.op(), "expected two inputs. Received: ", inputs.size());
  const double weight = a.real("weight", 1.0);
  check(std::isfinite(weight), a.op(), "expected a finite weight. Received: weight=", weight);
  return std::make_shared<AddedLossOp>(inputs, weight, a.boolean("summed", false));
}

}  // namespace cnncore
