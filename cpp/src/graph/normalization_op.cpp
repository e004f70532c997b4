// The ops layer_normalization and group_normalization. Mean and variance are those of one sample, so the steps do not
// need the whole batch. ops/normalization_rows.h has the formulas.
#include <algorithm>

#include "ops/normalization_curvature.h"
#include "ops/normalization_rows.h"
#include "run/step_with_tangents.h"
#include "run/sums.h"
#include "runtime/buffer.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

struct NormMeaning {
  float epsilon;
  bool center, scale;
  int64_t parameters;  // the length of gamma and beta
};

std::vector<ParameterSpec> parameters_of(const NormMeaning& m) {
  std::vector<ParameterSpec> specs;
  if (m.scale) specs.push_back({"gamma", {m.parameters}});
  if (m.center) specs.push_back({"beta", {m.parameters}});
  return specs;
}

// The base class of both steps: gamma and beta, the sums of their gradients over samples, and the means and inverse
// deviations that the forward pass keeps for the backward pass.
class NormalizationStep : public StepWithTangents {
 public:
  NormalizationStep(const NormMeaning& m, int64_t statistics, const StepContext& context)
      : m_(m), statistics_(statistics), k_(context.kernels) {
    size_t next = 0;
    if (m.scale) gamma_ = context.parameters[next++];
    if (m.center) beta_ = context.parameters[next];
  }
  bool backward_reads_y() const override { return false; }

  void tangent(const Run& run, const Run& tangent) const override {
    for (int64_t n = 0; n < run.count; ++n)
      for (int64_t i = 0; i < statistics_; ++i)
        normalized_tangent(set(run, tangent, n, i), tangent.y + n * size() + begin(i));
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    for (int64_t n = 0; n < run.count; ++n)
      for (int64_t i = 0; i < statistics_; ++i) {
        const int64_t at = n * size() + begin(i), channel = first_parameter(i);
        normalized_second(set(run, tangent, n, i), {.dy = run.dy + at,
                                                    .dy_tangent = tangent.dy + at,
                                                    .dx = run.dx[0] ? run.dx[0] + at : nullptr,
                                                    .dx_tangent = run.dx[0] ? tangent.dx[0] + at : nullptr,
                                                    .dgamma_tangent = gamma_.grad ? dgamma(tangent) + channel : nullptr,
                                                    .dbeta_tangent = beta_.grad ? dbeta(tangent) + channel : nullptr});
      }
  }

  int64_t scratch_size() const override { return 2 * aligned(statistics_); }
  int64_t saved_size() const override { return 2 * statistics_ * static_cast<int64_t>(sizeof(float)); }
  int64_t partial_size() const override { return 2 * aligned(m_.parameters); }
  int64_t gradient_tasks() const override { return (gamma_.grad != nullptr) + (beta_.grad != nullptr); }
  Range gradient(int64_t task, const BatchView& batch, float*) const override {
    const bool gamma = task == 0 && gamma_.grad;
    const ParameterRef& parameter = gamma ? gamma_ : beta_;
    add_up(k_, batch.partials, gamma ? 0 : aligned(m_.parameters), m_.parameters, parameter.grad);
    return {parameter.grad, m_.parameters};
  }

 protected:
  static int64_t aligned(int64_t count) { return aligned_count<float>(count); }
  // Returns the address of the means of sample n of a run. The inverse deviations follow after `statistics_` floats.
  float* statistics(const Run& run, int64_t n) const {
    return run.saved ? reinterpret_cast<float*>(run.saved) + n * 2 * statistics_ : run.scratch;
  }
  float* dgamma(const Run& run) const { return gamma_.grad ? run.partial : nullptr; }
  float* dbeta(const Run& run) const { return beta_.grad ? run.partial + aligned(m_.parameters) : nullptr; }

  // Describe the sets of values that are normalized together. A sample of size() values has `statistics` such sets. Set
  // i begins at value begin(i) of the sample, and its first value has the parameter first_parameter(i).
  virtual int64_t size() const = 0;
  virtual int64_t begin(int64_t i) const = 0;
  virtual int64_t first_parameter(int64_t i) const = 0;
  virtual NormalizedSet form() const = 0;
  NormalizedSet set(const Run& run, const Run& tangent, int64_t n, int64_t i) const {
    const int64_t at = n * size() + begin(i), parameter = first_parameter(i);
    const auto part = [&](const float* vector) { return vector ? vector + parameter : nullptr; };
    const float* mean = statistics(run, n);
    NormalizedSet set = form();
    set.x = run.x[0] + at, set.x_tangent = tangent.x[0] ? tangent.x[0] + at : nullptr;
    set.mean = mean[i], set.inverse = mean[statistics_ + i];
    set.gamma = part(gamma_.value), set.gamma_tangent = part(gamma_.tangent), set.beta_tangent = part(beta_.tangent);
    return set;
  }

  NormMeaning m_;
  int64_t statistics_;
  ParameterRef gamma_, beta_;
  const Kernels& k_;
};

class LayerNormalizationStep : public NormalizationStep {
 public:
  LayerNormalizationStep(const NormMeaning& m, int64_t rows, const StepContext& context)
      : NormalizationStep(m, rows, context), rows_(rows) {}
  void forward(const Run& run) const override {
    for (int64_t n = 0; n < run.count; ++n) {
      float* mean = statistics(run, n);
      layer_norm_rows(k_, {.x = run.x[0] + n * size(),
                           .rows = rows_,
                           .cols = m_.parameters,
                           .gamma = gamma_.value,
                           .beta = beta_.value,
                           .epsilon = m_.epsilon,
                           .y = run.y + n * size(),
                           .mean = mean,
                           .inverse = mean + rows_});
    }
  }
  void backward(const Run& run) const override {
    for (int64_t n = 0; n < run.count; ++n) {
      const float* mean = statistics(run, n);
      layer_norm_rows_backward(k_, {.x = run.x[0] + n * size(),
                                    .dy = run.dy + n * size(),
                                    .rows = rows_,
                                    .cols = m_.parameters,
                                    .gamma = gamma_.value,
                                    .mean = mean,
                                    .inverse = mean + rows_,
                                    .dx = run.dx[0] ? run.dx[0] + n * size() : nullptr,
                                    .dgamma = dgamma(run),
                                    .dbeta = dbeta(run)});
    }
  }
  std::string describe() const override { return "layer_normalization"; }

 private:
  int64_t size() const override { return rows_ * m_.parameters; }
  int64_t begin(int64_t i) const override { return i * m_.parameters; }
  int64_t first_parameter(int64_t) const override { return 0; }
  NormalizedSet form() const override { return {1, m_.parameters, m_.parameters}; }

  int64_t rows_;
};

class GroupNormalizationStep : public NormalizationStep {
 public:
  GroupNormalizationStep(const NormMeaning& m, int64_t pixels, int64_t groups, const StepContext& context)
      : NormalizationStep(m, groups, context), norm_{pixels, m.parameters, groups, m.epsilon} {}
  int64_t scratch_size() const override { return NormalizationStep::scratch_size() + aligned(norm_.scratch_size()); }
  void forward(const Run& run) const override {
    for (int64_t n = 0; n < run.count; ++n) {
      float* mean = statistics(run, n);
      norm_.forward(k_, 1,
                    {.x = run.x[0] + n * size(),
                     .gamma = gamma_.value,
                     .beta = beta_.value,
                     .y = run.y + n * size(),
                     .mean = mean,
                     .inverse = mean + statistics_},
                    scratch(run));
    }
  }
  void backward(const Run& run) const override {
    for (int64_t n = 0; n < run.count; ++n) {
      const float* mean = statistics(run, n);
      norm_.backward(k_, 1,
                     {.x = run.x[0] + n * size(),
                      .gamma = gamma_.value,
                      .mean = mean,
                      .inverse = mean + statistics_,
                      .dy = run.dy + n * size(),
                      .dx = run.dx[0] ? run.dx[0] + n * size() : nullptr,
                      .dgamma = dgamma(run),
                      .dbeta = dbeta(run)},
                     scratch(run));
    }
  }
  std::string describe() const override { return "group_normalization"; }

 private:
  int64_t size() const override { return norm_.pixels * norm_.channels; }
  int64_t begin(int64_t i) const override { return i * (norm_.channels / norm_.groups); }
  int64_t first_parameter(int64_t i) const override { return begin(i); }
  NormalizedSet form() const override { return {norm_.pixels, norm_.channels / norm_.groups, norm_.channels}; }
  float* scratch(const Run& run) const { return run.scratch + NormalizationStep::scratch_size(); }
  GroupNorm norm_;
};

class LayerNormalizationOp : public Op {
 public:
  LayerNormalizationOp(const Shape& shape, const NormMeaning& m) : Op({shape}, shape), m_(m) {}
  std::vector<ParameterSpec> parameters() const override { return parameters_of(m_); }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<LayerNormalizationStep>(m_, element_count(output()) / m_.parameters, context);
  }

 private:
  NormMeaning m_;
};

class GroupNormalizationOp : public Op {
 public:
  GroupNormalizationOp(const Shape& shape, const NormMeaning& m, int64_t groups)
      : Op({shape}, shape), m_(m), groups_(groups) {}
  std::vector<ParameterSpec> parameters() const override { return parameters_of(m_); }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<GroupNormalizationStep>(m_, element_count(output()) / m_.parameters, groups_, context);
  }

 private:
  NormMeaning m_;
  int64_t groups_;
};

NormMeaning meaning_of(AttributeReader& a, int64_t parameters) {
  const double epsilon = a.real("epsilon", 1e-3);
  check(epsilon >= 0.0, a.op(), "expected an epsilon of at least 0. Received: ", epsilon);
  return {static_cast<float>(epsilon), a.boolean("center", true), a.boolean("scale", true), parameters};
}

}  // namespace

// Attributes: axes says how many of the last axes are normalized together.
OpPtr make_layer_normalization(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& shape = only_input(a, inputs);
  const int64_t rank = static_cast<int64_t>(shape.size()), axes = a.integer("axes", 1);
  check(axes >= 1 && axes <= rank, a.op(), "expected from 1 to ", rank, " axes. Received: ", axes);
  int64_t size = 1;
  for (int64_t i = rank - axes; i < rank; ++i) size *= shape[static_cast<size_t>(i)];
  return std::make_shared<LayerNormalizationOp>(shape, meaning_of(a, size));
}

// Attributes: groups is the number of groups of channels. The channels of a group are normalized together.
OpPtr make_group_normalization(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& shape = only_input(a, inputs);
  const int64_t groups = a.integer("groups", 32);
  check(groups >= 1 && shape.back() % groups == 0, a.op(), "expected a number of groups by which ", shape.back(),
        " channels are divisible. Received: ", groups);
  return std::make_shared<GroupNormalizationOp>(shape, meaning_of(a, shape.back()), groups);
}

}  // namespace cnncore
