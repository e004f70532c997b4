// The op conv2d_transpose. cnncore/conv2d_transpose.h says what it computes, and ops/conv2d_transpose_plan.h how.
#include <algorithm>
#include <optional>
#include <tuple>

#include "cnncore/conv2d_transpose.h"
#include "graph/activation_op.h"
#include "ops/conv2d_transpose_plan.h"
#include "run/step_with_tangents.h"

namespace cnncore {
namespace {

struct TransposeMeaning {
  Conv2dTransposeParams params;
  bool use_bias = true;
  Activation activation = Activation::linear;
  std::optional<Precision> precision = {};  // by default that of the network
};

class Conv2dTransposeStep : public StepWithTangents {
 public:
  Conv2dTransposeStep(const TransposeMeaning& m, const StepContext& context)
      : plan_(params_in(m, context),
              {.activation = m.activation, .training = context.backward, .input_grad = context.any_input_grad()},
              context.kernels),
        kernel_(context.parameters[0]),
        bias_(m.use_bias ? std::optional(context.parameters[1]) : std::nullopt),
        k_(context.kernels) {}

  void forward(const Run& run) const override {
    multiply(run, run.x[0], kernel_.value, run.packed, bias_ ? bias_->value : nullptr, run.y);
  }
  void backward(const Run& run) const override {
    backward_of(run, run.x[0], kernel_.value, run.packed, run.dx[0], trained() ? run.partial : nullptr);
  }

  // In products with curvature the activation is a step of its own. The formulas are those of a convolution.
  void tangent(const Run& run, const Run& tangent) const override {
    const float* bias = bias_ ? bias_->tangent : nullptr;
    float* y = tangent.y;
    if (tangent.x[0]) {
      multiply(run, tangent.x[0], kernel_.value, run.packed, nullptr, y);
      y = run.spare;
    }
    if (!kernel_.tangent) return;
    multiply(run, run.x[0], kernel_.tangent, tangent.packed, bias, y);
    if (y == run.spare) k_.accumulate(y, tangent.y, run.count * plan_.output_size());
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    if (run.dx[0]) backward_of(run, run.x[0], kernel_.value, run.packed, run.dx[0], nullptr);
    backward_gauss_newton(run, tangent);
    if (tangent.x[0] && trained())
      backward_of(run, tangent.x[0], kernel_.value, run.packed, nullptr, tangent.partial, true);
    if (!run.dx[0] || !kernel_.tangent) return;
    backward_of(run, run.x[0], kernel_.tangent, tangent.packed, run.spare, nullptr);
    k_.accumulate(run.spare, tangent.dx[0], run.count * plan_.input_size());
  }
  void pack_tangent(int64_t task, float* packed) const override {
    if (kernel_.tangent) plan_.pack(task, kernel_.tangent, packed);
  }

  std::string describe() const override { return "conv2d_transpose (" + plan_.algorithm() + ")"; }
  int64_t flops() const override { return plan_.flops(); }
  int64_t group() const override { return plan_.images(); }
  int64_t backward_group() const override { return plan_.backward_images(); }
  int64_t scratch_size() const override { return plan_.scratch_size(); }
  int64_t packed_size() const override { return plan_.packed_size(); }
  int64_t partial_size() const override { return trained() ? plan_.partial_size() : 0; }
  bool sets_partial() const override { return true; }
  int64_t pack_tasks() const override { return plan_.packed_size() > 0 ? plan_.pack_tasks() : 0; }
  void pack(int64_t task, float* packed) const override { plan_.pack(task, kernel_.value, packed); }

  int64_t gradient_tasks() const override { return kernel_tasks() + trains_bias(); }
  Range gradient(int64_t task, const BatchView& batch, float*) const override {
    const Partials partials{batch.partials.first, batch.partials.count, batch.partials.stride};
    if (task == kernel_tasks()) {
      plan_.reduce_bias(partials, bias_->grad);
      return {bias_->grad, bias_->size};
    }
    const GradientRange range = plan_.reduce(task, partials, kernel_.grad);
    return {kernel_.grad + range.begin, range.size, range.pieces, range.step};
  }

 private:
  static Conv2dTransposeParams params_in(const TransposeMeaning& m, const StepContext& context) {
    Conv2dTransposeParams params = m.params;
    params.precision = m.precision.value_or(context.precision);
    return params;
  }
  void multiply(const Run& run, const float* x, const float* kernel, const float* packed, const float* bias,
                float* y) const {
    for (int64_t n = 0; n < run.count; n += plan_.images())
      plan_.forward(std::min(plan_.images(), run.count - n), {.x = x + n * plan_.input_size(),
                                                              .kernel = kernel,
                                                              .packed = packed,
                                                              .bias = bias,
                                                              .y = y + n * plan_.output_size(),
                                                              .winner = nullptr,
                                                              .scratch = run.scratch});
  }
  // With `adds`, the gradient of the kernel is added to the one that another call has written to `partial`. That call
  // has also written the gradient of the bias.
  void backward_of(const Run& run, const float* x, const float* kernel, const float* packed, float* dx, float* partial,
                   bool adds = false) const {
    for (int64_t n = 0; n < run.count; n += plan_.backward_images()) {
      const int64_t in = n * plan_.input_size(), out = n * plan_.output_size();
      plan_.backward(std::min(plan_.backward_images(), run.count - n),
                     {.x = x + in,
                      .y = run.y + out,
                      .dy = run.dy + out,
                      .kernel = kernel,
                      .packed = packed,
                      .dx = dx ? dx + in : nullptr,
                      .partial = partial,
                      .overwrite = run.first_of_shard && n == 0 && !adds,
                      .bias = !adds,
                      .scratch = run.scratch});
    }
  }
  int64_t kernel_tasks() const { return trains_kernel() ? plan_.reduce_tasks() : 0; }
  bool trains_kernel() const { return kernel_.grad != nullptr; }
  bool trains_bias() const { return bias_ && bias_->grad; }
  bool trained() const { return trains_kernel() || trains_bias(); }

  Conv2dTransposePlan plan_;
  ParameterRef kernel_;
  std::optional<ParameterRef> bias_;
  const Kernels& k_;
};

class Conv2dTransposeOp : public Op {
 public:
  explicit Conv2dTransposeOp(const TransposeMeaning& m)
      : Op({{m.params.in_height, m.params.in_width, m.params.in_channels}}, conv2d_transpose_output_shape(m.params)),
        m_(m) {}
  std::vector<ParameterSpec> parameters() const override {
    const Conv2dTransposeParams& p = m_.params;
    std::vector<ParameterSpec> specs = {{"kernel", {p.kernel_height, p.kernel_width, p.filters, p.in_channels}}};
    if (m_.use_bias) specs.push_back({"bias", {p.filters}});
    return specs;
  }
  OpPtr fused(const Op& next, Purpose purpose) const override {
    const auto* act = dynamic_cast<const ActivationOp*>(&next);
    if (purpose == Purpose::curvature || !act || m_.activation != Activation::linear || !act->as_part(purpose))
      return nullptr;
    TransposeMeaning m = m_;
    m.activation = *act->as_part(purpose);
    return std::make_shared<Conv2dTransposeOp>(m);
  }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<Conv2dTransposeStep>(m_, context);
  }

 private:
  TransposeMeaning m_;
};

}  // namespace

OpPtr make_conv2d_transpose(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& in = image_input(a, inputs);
  const std::pair<int64_t, int64_t> ones(1, 1), zeros(0, 0);
  TransposeMeaning m;
  Conv2dTransposeParams& p = m.params;
  p.in_height = in[0], p.in_width = in[1], p.in_channels = in[2];
  p.filters = a.integer("filters");
  std::tie(p.kernel_height, p.kernel_width) = a.pair("kernel_size");
  std::tie(p.stride_height, p.stride_width) = a.pair("strides", ones);
  std::tie(p.dilation_height, p.dilation_width) = a.pair("dilation_rate", ones);
  p.padding = a.padding("padding");
  std::tie(p.output_padding_height, p.output_padding_width) = a.pair("output_padding", zeros);
  m.use_bias = a.boolean("use_bias", true);
  if (a.has("precision")) m.precision = parse_precision(a.text("precision"));
  return std::make_shared<Conv2dTransposeOp>(m);
}

}  // namespace cnncore
