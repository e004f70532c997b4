// The op prelu: y = x where x > 0, and y = alpha * x elsewhere, where alpha is trained. ops/prelu_rows.h computes it.
#include <algorithm>

#include "ops/prelu_rows.h"
#include "run/step_with_tangents.h"
#include "run/sums.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

class PreluStep : public StepWithTangents {
 public:
  PreluStep(const Shape& sample, const Shape& alpha, const StepContext& context)
      : plan_(sample, alpha), size_(element_count(sample)), alpha_(context.parameters[0]), k_(context.kernels) {}
  void forward(const Run& run) const override { plan_.forward(k_, run.count, run.x[0], alpha_.value, run.y); }
  void backward(const Run& run) const override {
    plan_.backward(k_, run.count, run.x[0], alpha_.value, run.dy, run.dx[0], alpha_.grad ? run.partial : nullptr);
  }

  void tangent(const Run& run, const Run& tangent) const override {
    const int64_t size = run.count * size_;
    tangent.x[0] ? plan_.backward(k_, run.count, run.x[0], alpha_.value, tangent.x[0], tangent.y, nullptr)
                 : (void)std::fill_n(tangent.y, size, 0.0f);
    add_where_negative(run, run.x[0], tangent.y);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    if (run.dx[0]) plan_.backward(k_, run.count, run.x[0], alpha_.value, run.dy, run.dx[0], nullptr);
    backward_gauss_newton(run, tangent);
    if (run.dx[0]) add_where_negative(run, run.dy, tangent.dx[0]);
    if (alpha_.grad && tangent.x[0]) plan_.add_second(k_, run.count, run.x[0], tangent.x[0], run.dy, tangent.partial);
  }
  bool backward_reads_y() const override { return false; }
  int64_t partial_size() const override { return alpha_.grad ? alpha_.size : 0; }
  int64_t gradient_tasks() const override { return alpha_.grad != nullptr; }
  Range gradient(int64_t, const BatchView& batch, float*) const override {
    add_up(k_, batch.partials, 0, alpha_.size, alpha_.grad);
    return {alpha_.grad, alpha_.size};
  }
  std::string describe() const override { return "prelu"; }

 private:
  // Adds alpha' * from to `to` where x is not positive.
  void add_where_negative(const Run& run, const float* from, float* to) const {
    if (!alpha_.tangent) return;
    const int64_t size = run.count * size_;
    for (int64_t i = 0; i < size; ++i) run.spare[i] = run.x[0][i] > 0.0f ? 0.0f : from[i];
    plan_.backward(k_, run.count, run.x[0], alpha_.tangent, run.spare, run.spare, nullptr);
    k_.accumulate(run.spare, to, size);
  }

  PreluPlan plan_;
  int64_t size_;
  ParameterRef alpha_;
  const Kernels& k_;
};

class PreluOp : public Op {
 public:
  PreluOp(const Shape& sample, const Shape& alpha) : Op({sample}, sample), alpha_(alpha) {}
  std::vector<ParameterSpec> parameters() const override { return {{"alpha", alpha_}}; }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<PreluStep>(output(), alpha_, context);
  }

 private:
  Shape alpha_;
};

}  // namespace

// Attributes: shared_axes are the axes along which all values have the same alpha. The first axis of a sample is 1.
OpPtr make_prelu(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& shape = only_input(a, inputs);
  Shape alpha = shape;
  for (const int64_t axis : a.integers("shared_axes", std::vector<int64_t>{})) {
    check(axis >= 1 && axis <= static_cast<int64_t>(shape.size()), a.op(), "expected shared_axes from 1 to ",
          shape.size(), ". Received: ", axis);
    alpha[static_cast<size_t>(axis - 1)] = 1;
  }
  return std::make_shared<PreluOp>(shape, alpha);
}

}  // namespace cnncore
