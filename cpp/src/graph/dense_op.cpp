// The op dense. cnncore/dense.h says what it computes, and ops/dense_plan.h how.
#include <optional>

#include "graph/activation_op.h"
#include "graph/channel_map.h"
#include "ops/dense_plan.h"
#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

struct DenseMeaning {
  DenseParams params;
  bool use_bias = true;
  Activation activation = Activation::linear;
  std::optional<Precision> precision = {};          // by default that of the network
  std::shared_ptr<const ChannelMap> map = nullptr;  // in inference, a map between the product and the activation
};

class DenseStep : public StepWithTangents {
 public:
  DenseStep(const DenseMeaning& m, const StepContext& context)
      : plan_(params_in(m, context), {m.activation, context.any_input_grad(), skips_zeros(context)}, context.slice,
              context.kernels),
        kernel_(context.parameters[0]),
        bias_(m.use_bias ? std::optional(context.parameters[1]) : std::nullopt),
        params_(m.params),
        k_(context.kernels) {
    if (!m.map) return;
    folded_.emplace(m.map, kernel_.size, m.params.units);
    map_parameters_.assign(context.parameters.begin() + 1 + m.use_bias, context.parameters.end());
  }

  void forward(const Run& run) const override { plan_.forward(run.count, operands(run)); }
  void backward(const Run& run) const override {
    plan_.activation_gradient(run.count, run.dy_of_logits ? nullptr : run.y, run.dy);
    if (run.dx[0]) plan_.backward_data(run.count, run.dy, run.packed, run.dx[0], run.scratch);
  }

  // In products with curvature the activation is a step of its own, so this is y = x * kernel + bias.
  void tangent(const Run& run, const Run& tangent) const override {
    const float* bias = bias_ ? bias_->tangent : nullptr;
    float* y = tangent.y;
    if (tangent.x[0]) {
      plan_.forward(run.count, {tangent.x[0], kernel_.value, run.packed, nullptr, y, run.scratch});
      y = run.spare;
    }
    if (!kernel_.tangent) return;
    plan_.forward(run.count, {run.x[0], kernel_.tangent, tangent.packed, bias, y, run.scratch});
    if (y == run.spare) k_.accumulate(y, tangent.y, run.count * params_.units);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    backward(run);
    backward_gauss_newton(run, tangent);
    if (!run.dx[0] || !kernel_.tangent) return;
    plan_.backward_data(run.count, run.dy, tangent.packed, run.spare, run.scratch);
    k_.accumulate(run.spare, tangent.dx[0], run.count * params_.features);
  }
  void pack_tangent(int64_t task, float* packed) const override {
    if (kernel_.tangent && plan_.packed_size() > 0) plan_.pack(task, kernel_.tangent, packed);
  }
  // The tangent of the gradient is x dy' + x' dy. The second product is computed in the memory for the whole batch, and
  // then added to the first.
  int64_t batch_size(int64_t) const override { return kernel_.tangent ? kernel_.size : 0; }
  Range gradient_tangent(int64_t task, const BatchView& batch, const BatchView& tangent,
                         float* scratch) const override {
    const Range range = gradient_of(task, batch.size, batch.x[0], tangent.dy, scratch);
    if (task == kernel_tasks() || !tangent.x[0]) return range;
    plan_.weights(task, batch.size, tangent.x[0], batch.dy, tangent.batch, scratch);
    k_.accumulate(tangent.batch + (range.grads - kernel_.grad), range.grads, range.size);
    return range;
  }

  int64_t stages() const override { return 2; }
  bool shared(int64_t stage) const override { return stage == 0; }
  void forward_stage(const Run& run, int64_t stage, Part part) const override {
    stage == 0 ? plan_.forward_part(part.index, part.count, operands(run), run.common)
               : plan_.join_parts(operands(run), run.common);
  }
  std::string describe() const override { return std::string("dense (") + plan_.algorithm() + ")"; }

  int64_t flops() const override { return plan_.flops(); }
  int64_t group() const override { return 0; }
  int64_t scratch_size() const override { return plan_.scratch_size(); }
  int64_t packed_size() const override { return folded_size() + plan_.packed_size(); }
  bool batch_gradient() const override { return trains_kernel() || trains_bias(); }

  int64_t pack_tasks() const override {
    if (folded_) return 1;
    return plan_.packed_size() > 0 ? plan_.tasks() : 0;
  }
  void pack(int64_t task, float* packed) const override {
    if (!folded_) return plan_.pack(task, kernel_.value, packed);
    folded_->make(kernel_, bias_ ? &*bias_ : nullptr, map_parameters_.data(), packed);
    if (plan_.packed_size() > 0)
      for (int64_t i = 0; i < plan_.tasks(); ++i) plan_.pack(i, folded_->kernel(packed), packed + folded_size());
  }
  bool finite_kernel(const float* packed) const override {
    return k_.all_finite(folded_ ? folded_->kernel(packed) : kernel_.value, kernel_.size);
  }

  int64_t gradient_tasks() const override { return kernel_tasks() + trains_bias(); }
  Range gradient(int64_t task, const BatchView& batch, float* scratch) const override {
    return gradient_of(task, batch.size, batch.x[0], batch.dy, scratch);
  }

 private:
  Range gradient_of(int64_t task, int64_t samples, const float* x, const float* dy, float* scratch) const {
    if (task == kernel_tasks()) {
      plan_.bias(samples, dy, bias_->grad);
      return {bias_->grad, bias_->size};
    }
    const DensePlan::Range range = plan_.weights(task, samples, x, dy, kernel_.grad, scratch);
    return {kernel_.grad + range.begin, range.size};
  }
  // In training the kernel is packed for this purpose in each step, which is only worth it for many samples.
  static bool skips_zeros(const StepContext& context) {
    constexpr int64_t kLeastBatch = 64;
    return context.purpose == Purpose::inference ||
           (context.purpose == Purpose::training && context.batch >= kLeastBatch);
  }
  static DenseParams params_in(const DenseMeaning& m, const StepContext& context) {
    DenseParams params = m.params;
    params.precision = m.precision.value_or(context.precision);
    return params;
  }
  int64_t folded_size() const { return folded_ ? folded_->size() : 0; }
  int64_t kernel_tasks() const { return trains_kernel() ? plan_.tasks() : 0; }
  bool trains_kernel() const { return kernel_.grad != nullptr; }
  bool trains_bias() const { return bias_ && bias_->grad; }
  DenseRun operands(const Run& run) const {
    return {run.x[0],
            folded_ ? folded_->kernel(run.packed) : kernel_.value,
            run.packed + folded_size(),
            folded_ ? folded_->bias(run.packed)
            : bias_ ? bias_->value
                    : nullptr,
            run.y,
            run.scratch,
            run.finite_kernels};
  }

  DensePlan plan_;
  ParameterRef kernel_;
  std::optional<ParameterRef> bias_;
  DenseParams params_;
  const Kernels& k_;
  std::optional<FoldedKernel> folded_;
  std::vector<ParameterRef> map_parameters_;
};

class DenseOp : public Op {
 public:
  explicit DenseOp(const DenseMeaning& m) : Op({{m.params.features}}, {m.params.units}), m_(m) {}

  std::vector<ParameterSpec> parameters() const override {
    std::vector<ParameterSpec> specs = {{"kernel", {m_.params.features, m_.params.units}}};
    if (m_.use_bias) specs.push_back({"bias", {m_.params.units}});
    if (m_.map)
      for (ParameterSpec& spec : m_.map->parameters()) specs.push_back(std::move(spec));
    return specs;
  }
  OpPtr fused(const Op& next, Purpose purpose) const override {
    if (m_.activation != Activation::linear || purpose == Purpose::curvature) return nullptr;
    DenseMeaning m = m_;
    if (const auto* act = dynamic_cast<const ActivationOp*>(&next)) {
      if (!act->as_part(purpose)) return nullptr;
      m.activation = *act->as_part(purpose);
      return std::make_shared<DenseOp>(m);
    }
    if (const auto* map = dynamic_cast<const HasChannelMap*>(&next);
        map && map->channel_map() && purpose == Purpose::inference && !m_.map) {
      m.map = map->channel_map();
      return std::make_shared<DenseOp>(m);
    }
    return nullptr;
  }
  std::optional<Activation> last_activation() const override { return m_.activation; }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<DenseStep>(m_, context);
  }

 private:
  DenseMeaning m_;
};

}  // namespace

OpPtr make_dense(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& in = only_input(a, inputs);
  check(in.size() == 1, a.op(), "expected an input of shape (features,). Received: ", in,
        "; put a Flatten layer before it");
  DenseMeaning m;
  m.params = {in[0], a.integer("units")};
  validate(m.params);
  m.use_bias = a.boolean("use_bias", true);
  if (a.has("precision")) m.precision = parse_precision(a.text("precision"));
  return std::make_shared<DenseOp>(m);
}

}  // namespace cnncore
