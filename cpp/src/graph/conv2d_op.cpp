// The op conv2d. cnncore/conv2d.h says what it computes, and ops/conv2d/plan.h how.
#include <algorithm>
#include <optional>

#include "cnncore/conv2d.h"
#include "graph/activation_op.h"
#include "graph/channel_map.h"
#include "graph/pool2d_op.h"
#include "graph/window_cut.h"
#include "ops/conv2d/tangent.h"
#include "run/step_with_tangents.h"

namespace cnncore {
namespace {

struct Conv2dMeaning {
  Conv2dParams params;
  bool use_bias = true;
  Activation activation = Activation::linear;
  std::optional<Precision> precision = {};          // by default that of the network
  bool max_pool = false;                            // whether a 2x2 max-pool follows the activation
  std::shared_ptr<const ChannelMap> map = nullptr;  // in inference, a map between the convolution and the activation
};

Shape output_of(const Conv2dMeaning& m) {
  Shape shape = conv2d_output_shape(m.params);
  if (m.max_pool) shape[0] /= 2, shape[1] /= 2;
  return shape;
}

class Conv2dStep : public StepWithTangents {
 public:
  Conv2dStep(const Conv2dMeaning& m, const StepContext& context)
      : plan_(params_in(m, context),
              {.activation = m.activation,
               .max_pool = m.max_pool,
               .training = context.backward,
               .input_grad = context.any_input_grad(),
               .in_network = context.purpose != Purpose::curvature},
              context.kernels),
        kernel_(context.parameters[0]),
        bias_(m.use_bias ? std::optional(context.parameters[1]) : std::nullopt),
        pooled_(m.max_pool),
        k_(context.kernels) {
    if (context.purpose == Purpose::curvature)
      tangent_.emplace(params_in(m, context), Conv2dFusion{.activation = m.activation, .max_pool = m.max_pool},
                       context.kernels);
    if (!m.map) return;
    folded_.emplace(m.map, kernel_.size, m.params.filters);
    map_parameters_.assign(context.parameters.begin() + 1 + m.use_bias, context.parameters.end());
  }

  void forward(const Run& run) const override {
    for_groups(run, plan_.images(), [&](int64_t n, int64_t count) { plan_.forward(count, operands(run, n)); });
  }
  void backward(const Run& run) const override {
    backward_of(run, run.x[0], run.packed, run.dx[0], trained() ? run.partial : nullptr);
  }

  void tangent(const Run& run, const Run& tangent) const override {
    tangent_->run(run.count, {.x = run.x[0],
                              .x_tangent = tangent.x[0],
                              .kernel = {kernel_.value, run.packed + plan_.packed_size()},
                              .kernel_tangent = {kernel_.tangent, tangent.packed + plan_.packed_size()},
                              .bias_tangent = bias_ ? bias_->tangent : nullptr,
                              .y = run.y,
                              .winner = pooled_ ? run.saved : nullptr,
                              .y_tangent = tangent.y,
                              .scratch = run.scratch});
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    if (run.dx[0]) backward_of(run, run.x[0], run.packed, run.dx[0], nullptr);
    backward_gauss_newton(run, tangent);
    if (tangent.x[0] && trained()) backward_of(run, tangent.x[0], run.packed, nullptr, tangent.partial, true);
    if (!run.dx[0] || !kernel_.tangent) return;
    backward_of(run, run.x[0], tangent.packed, run.spare, nullptr);
    k_.accumulate(run.spare, tangent.dx[0], run.count * plan_.input_size());
  }
  void pack_tangent(int64_t task, float* packed) const override {
    if (kernel_.tangent) pack_kernel(task, kernel_.tangent, packed);
  }

  bool shared(int64_t) const override { return plan_.splits(); }
  void forward_stage(const Run& run, int64_t, Part part) const override {
    if (!plan_.splits()) return forward(run);
    plan_.forward_part(part.index, part.count, operands(run, 0));
  }
  std::string describe() const override { return std::string("conv2d (") + plan_.algorithm() + ")"; }

  int64_t flops() const override { return plan_.flops(); }
  int64_t group() const override { return plan_.images(); }
  int64_t backward_group() const override { return plan_.backward_images(); }
  int64_t scratch_size() const override {
    return std::max(plan_.scratch_size(), tangent_ ? tangent_->scratch_size() : 0);
  }
  int64_t packed_size() const override {
    return folded_size() + plan_.packed_size() + (tangent_ ? tangent_->packed_size() : 0);
  }
  int64_t partial_size() const override { return trained() ? plan_.partial_size() : 0; }
  bool sets_partial() const override { return true; }
  int64_t saved_size() const override { return pooled_ ? plan_.output_size() : 0; }

  int64_t pack_tasks() const override {
    if (folded_) return 1;
    return std::max(plan_.pack_tasks(), tangent_ ? tangent_->pack_tasks() : 0);
  }
  void pack(int64_t task, float* packed) const override {
    if (!folded_) return pack_kernel(task, kernel_.value, packed);
    folded_->make(kernel_, bias_ ? &*bias_ : nullptr, map_parameters_.data(), packed);
    if (plan_.packed_size() > 0) plan_.pack(folded_->kernel(packed), packed + folded_size());
  }

  bool finite_kernel(const float* packed) const override {
    return !plan_.skips_zeros() || k_.all_finite(folded_ ? folded_->kernel(packed) : kernel_.value, kernel_.size);
  }

  int64_t gradient_tasks() const override { return kernel_tasks() + trains_bias(); }
  Range gradient(int64_t task, const BatchView& batch, float*) const override {
    const Partials partials{batch.partials.first, batch.partials.count, batch.partials.stride};
    if (task == kernel_tasks()) {
      plan_.reduce_bias(partials, bias_->grad);
      return {bias_->grad, bias_->size};
    }
    const Conv2dPlan::Range range = plan_.reduce(task, partials, kernel_.grad);
    return {kernel_.grad + range.begin, range.size, range.pieces, range.step};
  }

 private:
  static Conv2dParams params_in(const Conv2dMeaning& m, const StepContext& context) {
    Conv2dParams params = m.params;
    params.precision = m.precision.value_or(context.precision);
    return params;
  }
  template <class Function>
  void for_groups(const Run& run, int64_t group, Function f) const {
    for (int64_t n = 0; n < run.count; n += group) f(n, std::min(group, run.count - n));
  }
  void pack_kernel(int64_t task, const float* kernel, float* packed) const {
    if (task < plan_.pack_tasks()) plan_.pack(task, kernel, packed);
    if (tangent_ && task < tangent_->pack_tasks()) tangent_->pack(task, kernel, packed + plan_.packed_size());
  }
  // With `adds`, the gradient of the kernel is added to the one that another call has written to `partial`. That call
  // has also written the gradient of the bias.
  void backward_of(const Run& run, const float* x, const float* packed, float* dx, float* partial,
                   bool adds = false) const {
    for_groups(run, plan_.backward_images(), [&](int64_t n, int64_t count) {
      const int64_t out = n * plan_.output_size(), in = n * plan_.input_size();
      plan_.backward(count, {.x = x + in,
                             .y = run.y + out,
                             .winner = pooled_ ? run.saved + out : nullptr,
                             .dy = run.dy + out,
                             .packed = packed,
                             .dx = dx ? dx + in : nullptr,
                             .partial = partial,
                             .overwrite = run.first_of_shard && n == 0 && !adds,
                             .bias = !adds,
                             .scratch = run.scratch});
    });
  }
  int64_t folded_size() const { return folded_ ? folded_->size() : 0; }
  int64_t kernel_tasks() const { return trains_kernel() ? plan_.reduce_tasks() : 0; }
  bool trains_kernel() const { return kernel_.grad != nullptr; }
  bool trains_bias() const { return bias_ && bias_->grad; }
  bool trained() const { return trains_kernel() || trains_bias(); }
  Conv2dRun operands(const Run& run, int64_t n) const {
    const int64_t out = n * plan_.output_size();
    return {.x = run.x[0] + n * plan_.input_size(),
            .kernel = folded_ ? folded_->kernel(run.packed) : kernel_.value,
            .packed = run.packed + folded_size(),
            .bias = folded_ ? folded_->bias(run.packed)
                    : bias_ ? bias_->value
                            : nullptr,
            .y = run.y + out,
            .winner = run.saved && pooled_ ? run.saved + out : nullptr,
            .scratch = run.scratch,
            .finite_kernel = run.finite_kernels};
  }

  Conv2dPlan plan_;
  ParameterRef kernel_;
  std::optional<ParameterRef> bias_;
  bool pooled_;
  const Kernels& k_;
  std::optional<Conv2dTangent> tangent_;  // in products with curvature
  std::optional<FoldedKernel> folded_;
  std::vector<ParameterRef> map_parameters_;
};

class Conv2dOp : public Op {
 public:
  explicit Conv2dOp(const Conv2dMeaning& m)
      : Op({{m.params.in_height, m.params.in_width, m.params.in_channels}}, output_of(m)), m_(m) {}

  std::vector<ParameterSpec> parameters() const override {
    const Conv2dParams& p = m_.params;
    std::vector<ParameterSpec> specs = {
        {"kernel", {p.kernel_height, p.kernel_width, p.in_channels / p.groups, p.filters}}};
    if (m_.use_bias) specs.push_back({"bias", {p.filters}});
    if (m_.map)
      for (ParameterSpec& spec : m_.map->parameters()) specs.push_back(std::move(spec));
    return specs;
  }

  OpPtr fused(const Op& next, Purpose purpose) const override {
    if (m_.max_pool) return nullptr;
    const bool linear = m_.activation == Activation::linear;
    Conv2dMeaning m = m_;
    if (const auto* act = dynamic_cast<const ActivationOp*>(&next); act && linear) {
      const std::optional<Activation> activation = act->as_part(purpose);
      // For products with curvature only relu can be fused, since the second derivatives of others are not zero.
      if (!activation || (purpose == Purpose::curvature && activation != Activation::relu)) return nullptr;
      m.activation = *activation;
      return std::make_shared<Conv2dOp>(m);
    }
    if (const auto* pool = dynamic_cast<const Pool2dOp*>(&next); pool && pool->is_max() && pool->is_2x2() &&
                                                                 (linear || m_.activation == Activation::relu) &&
                                                                 m_.params.groups == 1) {
      m.max_pool = true;
      return std::make_shared<Conv2dOp>(m);
    }
    if (const auto* map = dynamic_cast<const HasChannelMap*>(&next);
        map && map->channel_map() && purpose == Purpose::inference && linear && !m_.map) {
      m.map = map->channel_map();
      return std::make_shared<Conv2dOp>(m);
    }
    return nullptr;
  }

  OpPtr cut(const Shape& output) const override {
    Conv2dMeaning m = m_;
    Conv2dParams& p = m.params;
    const int64_t factor = m.max_pool ? 2 : 1;
    if (!cut_window({p.in_height, p.padding.bottom, p.kernel_height, p.stride_height, p.padding.top, p.dilation_height},
                    factor * output[0]) ||
        !cut_window({p.in_width, p.padding.right, p.kernel_width, p.stride_width, p.padding.left, p.dilation_width},
                    factor * output[1]))
      return nullptr;
    return std::make_shared<Conv2dOp>(m);
  }

  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<Conv2dStep>(m_, context);
  }

 private:
  Conv2dMeaning m_;
};

}  // namespace

OpPtr make_conv2d(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& in = image_input(a, inputs);
  Conv2dMeaning m;
  Conv2dParams& p = m.params;
  p.in_height = in[0], p.in_width = in[1], p.in_channels = in[2];
  p.filters = a.integer("filters");
  std::tie(p.kernel_height, p.kernel_width) = a.pair("kernel_size");
  std::tie(p.stride_height, p.stride_width) = a.pair("strides", std::pair<int64_t, int64_t>(1, 1));
  std::tie(p.dilation_height, p.dilation_width) = a.pair("dilation_rate", std::pair<int64_t, int64_t>(1, 1));
  p.padding = a.padding("padding");
  p.groups = a.integer("groups", 1);
  m.use_bias = a.boolean("use_bias", true);
  if (a.has("precision")) m.precision = parse_precision(a.text("precision"));
  return std::make_shared<Conv2dOp>(m);
}

}  // namespace cnncore
