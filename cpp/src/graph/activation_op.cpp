#include "graph/activation_op.h"

#include "cnncore/activation.h"
#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

class ActivationStep : public StepWithTangents {
 public:
  ActivationStep(const Shape& shape, const ActivationSpec& spec, const Kernels& kernels)
      : spec_(spec), rows_(element_count(shape) / last_size(shape)), cols_(last_size(shape)), k_(kernels) {}
  void forward(const Run& run) const override { activation_rows(k_, spec_, run.count * rows_, cols_, run.x[0], run.y); }
  void backward(const Run& run) const override {
    if (!run.dx[0]) return;
    activation_rows_backward(k_, used(run), run.count * rows_, cols_, run.x[0], run.y, run.dy, run.dx[0]);
  }
  void tangent(const Run& run, const Run& tangent) const override {
    activation_rows_tangent(k_, used(run), run.count * rows_, cols_, run.x[0], run.y, tangent.x[0], tangent.y);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    backward(run);
    backward_gauss_newton(run, tangent);
    const int64_t rows = run.count * rows_, size = rows * cols_;
    if (used(run).kind == Activation::linear || is_piecewise_linear(spec_)) return;
    if (!is_pointwise(spec_))
      return softmax_rows_second(spec_.kind, rows, cols_, {run.y, tangent.y, run.dy, tangent.dx[0]});
    // dx' has the term f'(x) dy' already. The term f''(x) x' dy is added here.
    activation_rows_second(k_, spec_, size, run.x[0], run.y, run.spare);
    for (int64_t i = 0; i < size; ++i) tangent.dx[0][i] += run.spare[i] * tangent.x[0][i] * run.dy[i];
  }
  bool backward_reads_x() const override { return needs_input(spec_); }
  bool backward_reads_y() const override { return !needs_input(spec_); }
  std::string describe() const override { return to_string(spec_.kind); }

 private:
  // The gradient that a loss has written may already include that of this activation.
  ActivationSpec used(const Run& run) const { return run.dy_of_logits ? ActivationSpec(Activation::linear) : spec_; }

  ActivationSpec spec_;
  int64_t rows_, cols_;  // a softmax is taken over each row
  const Kernels& k_;
};

}  // namespace

std::optional<Activation> ActivationOp::as_part(Purpose purpose) const {
  const ActivationSpec plain(spec_.kind);
  const bool defaults =
      spec_.alpha == plain.alpha && spec_.max_value == plain.max_value && spec_.threshold == plain.threshold;
  if (!defaults || (purpose != Purpose::inference && needs_input(spec_))) return {};
  return spec_.kind;
}

std::unique_ptr<Step> ActivationOp::plan(const StepContext& context) const {
  return std::make_unique<ActivationStep>(output(), spec_, context.kernels);
}

// Attributes: kind is the name of an activation, see cnncore/activation.h. alpha, max_value and threshold are its
// parameters.
OpPtr make_activation(AttributeReader& a, const std::vector<Shape>& inputs) {
  ActivationSpec spec(parse_activation(a.text("kind")));
  spec.alpha = static_cast<float>(a.real("alpha", static_cast<double>(spec.alpha)));
  spec.max_value = static_cast<float>(a.real("max_value", static_cast<double>(spec.max_value)));
  spec.threshold = static_cast<float>(a.real("threshold", static_cast<double>(spec.threshold)));
  validate(spec);
  const Shape& shape = only_input(a, inputs);
  check(!shape.empty() || is_pointwise(spec), a.op(), "expected samples with at least one axis, over which a ",
        to_string(spec.kind), " is taken. Received: a tensor with a single value for each sample");
  return std::make_shared<ActivationOp>(shape, spec);
}

}  // namespace cnncore
