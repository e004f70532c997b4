// An op that applies an activation. Ops with a kernel are fused with it if that is possible.
#pragma once

#include "graph/op.h"
#include "ops/activation_rows.h"

namespace cnncore {

class ActivationOp : public Op {
 public:
  ActivationOp(const Shape& shape, const ActivationSpec& spec) : Op({shape}, shape), spec_(spec) {}

  const ActivationSpec& spec() const { return spec_; }
  /// The kind of activation, if it can be the last part of another op. For that it must have its default parameters,
  /// and if there will be a backward pass, its derivative must be computable from its output.
  std::optional<Activation> as_part(Purpose purpose) const;

  bool is_view(Purpose) const override { return spec_.kind == Activation::linear; }
  OpPtr cut(const Shape& output) const override { return std::make_shared<ActivationOp>(output, spec_); }
  std::optional<Activation> last_activation() const override { return spec_.kind; }
  std::unique_ptr<Step> plan(const StepContext& context) const override;

 private:
  ActivationSpec spec_;
};

}  // namespace cnncore
