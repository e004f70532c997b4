// The ops add, subtract, multiply, average, maximum and minimum. cnncore/merge.h says what they compute.
#include <algorithm>

#include "graph/activation_op.h"
#include "ops/merge_rows.h"
#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

class MergeStep : public StepWithTangents {
 public:
  MergeStep(Merge kind, bool relu, const std::vector<Shape>& inputs, const Kernels& kernels)
      : kind_(kind), relu_(relu), plan_(kind, inputs), inputs_(inputs.size()), k_(kernels) {}
  void forward(const Run& run) const override { plan_.forward(k_, run.count, run.x, run.y, relu_); }
  bool shared(int64_t) const override { return true; }
  void forward_stage(const Run& run, int64_t, Part part) const override {
    plan_.forward_part(k_, run.count, run.x, run.y, relu_, part.index, part.count);
  }
  void backward(const Run& run) const override {
    if (relu_) return backward_of_sum_and_relu(run);
    for (size_t i = 0; i < inputs_; ++i)
      if (run.dx[i]) plan_.backward(k_, run.count, static_cast<int>(i), run.x, run.dy, run.dx[i], false);
  }
  void tangent(const Run& run, const Run& tangent) const override {
    plan_.tangent(k_, run.count, run.x, tangent.x, tangent.y);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    backward(run);
    backward_gauss_newton(run, tangent);
    for (size_t i = 0; i < inputs_; ++i)
      if (run.dx[i]) plan_.add_second(k_, run.count, static_cast<int>(i), run.x, tangent.x, run.dy, tangent.dx[i]);
  }
  bool backward_reads_x() const override { return plan_.needs_inputs(); }
  bool backward_reads_y() const override { return relu_; }
  std::string describe() const override { return std::string(to_string(kind_)) + (relu_ ? " and relu" : ""); }

 private:
  // Every input has the same gradient. A piece of it is computed once, and copied while it is in the nearest cache.
  void backward_of_sum_and_relu(const Run& run) const {
    constexpr int64_t kPiece = 2048;
    const int64_t size = run.count * element_count(plan_.output_shape());
    for (int64_t at = 0; at < size; at += kPiece) {
      const int64_t count = std::min(kPiece, size - at);
      const float* first = nullptr;
      for (size_t i = 0; i < inputs_; ++i) {
        if (!run.dx[i]) continue;
        float* dx = run.dx[i] + at;
        if (first)
          std::copy_n(first, count, dx);
        else
          k_.activation_backward(Activation::relu, run.y + at, run.dy + at, dx, count);
        first = dx;
      }
    }
  }

  Merge kind_;
  bool relu_;
  MergePlan plan_;
  size_t inputs_;
  const Kernels& k_;
};

class ElementwiseMergeOp : public Op {
 public:
  ElementwiseMergeOp(Merge kind, bool relu, const std::vector<Shape>& inputs)
      : Op(inputs, merge_output_shape(kind, inputs)), kind_(kind), relu_(relu) {}
  // A sum of inputs of the same shape can be fused with the relu after it. Residual networks have such sums.
  OpPtr fused(const Op& next, Purpose purpose) const override {
    const auto* act = dynamic_cast<const ActivationOp*>(&next);
    const bool relu = act && act->as_part(purpose) == Activation::relu;
    if (!relu || relu_ || kind_ != Merge::add || purpose == Purpose::curvature || repeats()) return nullptr;
    return std::make_shared<ElementwiseMergeOp>(kind_, true, inputs());
  }
  OpPtr cut(const Shape& output) const override {
    if (repeats()) return nullptr;
    return std::make_shared<ElementwiseMergeOp>(kind_, relu_, std::vector<Shape>(inputs().size(), output));
  }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<MergeStep>(kind_, relu_, inputs(), context.kernels);
  }

 private:
  bool repeats() const {
    return std::any_of(inputs().begin(), inputs().end(), [&](const Shape& shape) { return shape != output(); });
  }

  Merge kind_;
  bool relu_;
};

OpPtr make_merge(Merge kind, const AttributeReader& a, const std::vector<Shape>& inputs) {
  check(!inputs.empty(), a.op(), "expected at least one input");
  return std::make_shared<ElementwiseMergeOp>(kind, false, inputs);
}

}  // namespace

OpPtr make_add(AttributeReader& a, const std::vector<Shape>& in) { return make_merge(Merge::add, a, in); }
OpPtr make_subtract(AttributeReader& a, const std::vector<Shape>& in) { return make_merge(Merge::subtract, a, in); }
OpPtr make_multiply(AttributeReader& a, const std::vector<Shape>& in) { return make_merge(Merge::multiply, a, in); }
OpPtr make_average(AttributeReader& a, const std::vector<Shape>& in) { return make_merge(Merge::average, a, in); }
OpPtr make_maximum(AttributeReader& a, const std::vector<Shape>& in) { return make_merge(Merge::maximum, a, in); }
OpPtr make_minimum(AttributeReader& a, const std::vector<Shape>& in) { return make_merge(Merge::minimum, a, in); }

}  // namespace cnncore
