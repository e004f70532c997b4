#include "graph/activation_op.h"

#include "cnncore/activation.h"
#include "run/step.h"

namespace cnncore {
namespace {

class ActivationStep : public Step {
 public:
  ActivationStep(const Shape& shape, const ActivationSpec& spec, const Kernels& kernels)
      : spec_(spec), rows_(element_count(shape) / shape.back()), cols_(shape.back()), k_(kernels) {}
  void forward(const Run& run) const override { activation_rows(k_, spec_, run.count * rows_, cols_, run.x[0], run.y); }
  void backward(const Run& run) const override {
    if (!run.dx[0]) return;
    const ActivationSpec spec = run.dy_of_logits ? ActivationSpec(Activation::linear) : spec_;
    activation_rows_backward(k_, spec, run.count * rows_, cols_, run.x[0], run.y, run.dy, run.dx[0]);
  }
  bool backward_reads_x() const override { return needs_input(spec_); }
  bool backward_reads_y() const override { return !needs_input(spec_); }
  std::string describe() const override { return to_string(spec_.kind); }

 private:
  ActivationSpec spec_;
  int64_t rows_, cols_;  // a softmax is taken over each row
  const Kernels& k_;
};

}  // namespace

std::optional<Activation> ActivationOp::as_part(bool training) const {
  const ActivationSpec plain(spec_.kind);
  const bool defaults =
      spec_.alpha == plain.alpha && spec_.max_value == plain.max_value && spec_.threshold == plain.threshold;
  if (!defaults || (training && needs_input(spec_))) return {};
  return spec_.kind;
}

std::unique_ptr<Step> ActivationOp::plan(const StepContext& context) const {
  return std::make_unique<ActivationStep>(output(), spec_, context.kernels);
}

// kind: a name of cnncore/activation.h; alpha, max_value and threshold where the kind has them.
OpPtr make_activation(AttributeReader& a, const std::vector<Shape>& inputs) {
  ActivationSpec spec(parse_activation(a.text("kind")));
  spec.alpha = static_cast<float>(a.real("alpha", static_cast<double>(spec.alpha)));
  spec.max_value = static_cast<float>(a.real("max_value", static_cast<double>(spec.max_value)));
  spec.threshold = static_cast<float>(a.real("threshold", static_cast<double>(spec.threshold)));
  validate(spec);
  return std::make_shared<ActivationOp>(only_input(a, inputs), spec);
}

}  // namespace cnncore
