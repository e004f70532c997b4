// What a step adds for products with curvature.
#pragma once

#include "run/step.h"

namespace cnncore {

/// A step that can also compute tangents: the derivatives of its arrays along a direction of the parameters
/// (Pearlmutter, 1994). Where a function takes two Runs, the second one points to the tangents of the arrays of the
/// first one. Its `packed` is the direction, and its partial sums become the product. If an input depends on no trained
/// parameter, its tangent is zero: then x is null there if the step has no other input, and otherwise points to zeros.
class StepWithTangents : public Step {
 public:
  const StepWithTangents* with_tangents() const final { return this; }

  /// Packs the direction, as pack() packs the parameters.
  virtual void pack_tangent(int64_t /*task*/, float* /*packed*/) const {}
  /// Computes the tangent of y. It is called after forward().
  virtual void tangent(const Run& run, const Run& tangent) const = 0;
  /// Computes dx from dy, the tangent of dx from that of dy, and what the samples contribute to the tangent of the
  /// gradient of the parameters. This implementation is for steps whose backward pass depends on no array with a
  /// tangent except dy.
  virtual void backward_tangent(const Run& run, const Run& tangent) const {
    backward(run);
    backward_gauss_newton(run, tangent);
  }
  /// The same for the Gauss-Newton product, which only has the terms that backward() computes from the tangent of dy.
  virtual void backward_gauss_newton(const Run& run, const Run& tangent) const {
    Run gradients = run;
    gradients.dx = tangent.dx, gradients.dy = tangent.dy, gradients.partial = tangent.partial;
    backward(gradients);
  }
  /// The tangent of what gradient() computes.
  virtual Range gradient_tangent(int64_t task, const BatchView& /*batch*/, const BatchView& tangent,
                                 float* scratch) const {
    return gradient(task, tangent, scratch);
  }
};

/// A step that is linear in its inputs and has no parameters, so that its tangent is the step itself.
class LinearStep : public StepWithTangents {
 public:
  void tangent(const Run& run, const Run& tangent) const override {
    Run of_tangent = run;
    of_tangent.x = tangent.x, of_tangent.y = tangent.y;
    forward(of_tangent);
  }
};

}  // namespace cnncore
