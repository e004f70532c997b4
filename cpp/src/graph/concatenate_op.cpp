// concatenate and dot in a graph: cnncore/merge.h says what they compute.
#include <limits>

#include "ops/merge_rows.h"
#include "run/step.h"
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

class DotStep : public Step {
 public:
  DotStep(const DotParams& p, const Shape& output, const Kernels& kernels)
      : plan_(p.axis_1, p.axis_2, p.normalize, p.x1, p.x2),
        normalize_(p.normalize),
        sizes_{element_count(p.x1), element_count(p.x2)},
        output_size_(element_count(output)),
        k_(kernels) {}
  void forward(const Run& run) const override { plan_.forward(run.count, run.x[0], run.x[1], run.y); }
  void backward(const Run& run) const override {
    for (int i = 0; i < 2; ++i)
      if (run.dx[i]) plan_.backward(run.count, i, run.x[0], run.x[1], run.dy, run.dx[i]);
  }

  // a product of both inputs
  bool has_tangent() const override { return !normalize_; }
  void tangent(const Run& run, const Run& tangent) const override {
    plan_.forward(run.count, tangent.x[0], run.x[1], tangent.y);
    plan_.forward(run.count, run.x[0], tangent.x[1], run.spare);
    k_.accumulate(run.spare, tangent.y, run.count * output_size_);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    backward(run);
    backward_gauss_newton(run, tangent);
    for (int i = 0; i < 2; ++i) {
      if (!run.dx[i]) continue;
      plan_.backward(run.count, i, tangent.x[0], tangent.x[1], run.dy, run.spare);
      k_.accumulate(run.spare, tangent.dx[i], run.count * sizes_[i]);
    }
  }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return normalize_ ? "dot with normalize=True" : "dot"; }

 private:
  DotPlan plan_;
  bool normalize_;
  int64_t sizes_[2], output_size_;
  const Kernels& k_;
};

class DotOp : public Op {
 public:
  explicit DotOp(const DotParams& p) : Op({p.x1, p.x2}, dot_output_shape(p)), params_(p) {}
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<DotStep>(params_, output(), context.kernels);
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

// axis: of the sample, from 0 on; a negative one counts from the last
OpPtr make_concatenate(AttributeReader& a, const std::vector<Shape>& inputs) {
  check(!inputs.empty(), a.op(), "expected at least one input");
  return std::make_shared<ConcatenateOp>(to_axis(a, a.integer("axis", -1)), inputs);
}

// axes: an axis of both samples or one of each, from 0 on; negative ones count from the last
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
