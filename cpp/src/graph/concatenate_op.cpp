// The ops concatenate and dot. cnncore/merge.h says what they compute.
#include <limits>

#include "ops/merge_rows.h"
#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

class ConcatenateStep : public LinearStep {
 public:
  ConcatenateStep(int axis, const std::vector<Shape>& inputs, const Kernels& kernels)
      : plan_(axis, inputs), inputs_(inputs.size()), k_(kernels) {}
  void forward(const Run& run) const override { plan_.forward(run.count, run.x, run.y); }
  void backward(const Run& run) const override {
    for (size_t i = 0; i < inputs_; ++i)
      if (run.dx[i]) plan_.backward(k_, run.count, static_cast<int>(i), run.dy, run.dx[i], false);
  }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "concatenate"; }

 private:
  ConcatenatePlan plan_;
  size_t inputs_;
  const Kernels& k_;
};

class ConcatenateOp : public Op {
 public:
  ConcatenateOp(int axis, const std::vector<Shape>& inputs)
      : Op(inputs, concatenate_output_shape(axis, inputs)), axis_(axis) {}
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<ConcatenateStep>(axis_, inputs(), context.kernels);
  }

 private:
  int axis_;
};

class DotStep : public StepWithTangents {
 public:
  DotStep(const DotParams& p, const Kernels& kernels)
      : plan_(p.axis_1, p.axis_2, p.normalize, p.x1, p.x2), kernels_(kernels) {}
  void forward(const Run& run) const override {
    plan_.forward(kernels_, run.count, run.x[0], run.x[1], run.y, run.scratch);
  }
  void backward(const Run& run) const override {
    for (int i = 0; i < 2; ++i)
      if (run.dx[i]) plan_.backward(kernels_, run.count, i, {run.x[0], run.x[1], run.dy, run.dx[i]}, run.scratch);
  }
  int64_t flops() const override { return plan_.flops(); }
  int64_t scratch_size() const override { return plan_.scratch_size(); }

  void tangent(const Run& run, const Run& tangent) const override {
    plan_.tangent(run.count, tangents(run, tangent), tangent.y);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    backward(run);
    for (int i = 0; i < 2; ++i)
      if (run.dx[i]) plan_.backward_tangent(run.count, i, tangents(run, tangent), run.dx[i], tangent.dx[i]);
  }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "dot"; }

 private:
  static DotPlan::Tangents tangents(const Run& run, const Run& tangent) {
    return {.x = {run.x[0], run.x[1]},
            .x_tangent = {tangent.x[0], tangent.x[1]},
            .y = run.y,
            .dy = run.dy,
            .y_tangent = tangent.y,
            .dy_tangent = tangent.dy};
  }

  DotPlan plan_;
  const Kernels& kernels_;
};

class DotOp : public Op {
 public:
  explicit DotOp(const DotParams& p) : Op({p.x1, p.x2}, dot_output_shape(p)), params_(p) {}
  std::unique_ptr<Step> plan(const StepContext& c) const override {
    return std::make_unique<DotStep>(params_, c.kernels);
  }

 private:
  DotParams params_;
};

int to_axis(const AttributeReader& a, int64_t axis) {
  check(axis > std::numeric_limits<int>::min() && axis < std::numeric_limits<int>::max(), a.op(),
        "expected an axis of the sample. Received: ", axis);
  return static_cast<int>(axis);
}

}  // namespace

// Attributes: axis is counted from 0 without the batch axis; a negative axis counts from the last one.
OpPtr make_concatenate(AttributeReader& a, const std::vector<Shape>& inputs) {
  check(!inputs.empty(), a.op(), "expected at least one input");
  return std::make_shared<ConcatenateOp>(to_axis(a, a.integer("axis", -1)), inputs);
}

// Attributes: axes is one axis for both inputs or one for each, counted from 0 without the batch axis; negative axes
// count from the last one.
OpPtr make_dot(AttributeReader& a, const std::vector<Shape>& inputs) {
  check(inputs.size() == 2, a.op(), "expected two inputs. Received: ", inputs.size());
  const auto [axis_1, axis_2] = a.pair("axes");
  const auto counted = [&](int64_t axis, const Shape& shape) {
    return to_axis(a, axis < 0 ? axis + static_cast<int64_t>(shape.size()) : axis);
  };
  return std::make_shared<DotOp>(DotParams{inputs[0], inputs[1], counted(axis_1, inputs[0]), counted(axis_2, inputs[1]),
                                           a.boolean("normalize", false)});
}

}  // namespace cnncore
