// What a step adds for products with curvature.
#pragma once

#include "run/step.h"

namespace cnncore {

/// A step with derivatives along a direction of the parameters, the `tangents` of its arrays (Pearlmutter, 1994). Of
/// two Runs the second leads to the tangents of what the first leads to: its `packed` is the direction, and its partial
/// sums become the product. x of an input that depends on no trained parameter is null there where it is the step's
/// only input, else it points to zeros.
class StepWithTangents : public Step {
 public:
  const StepWithTangents* with_tangents() const final { return this; }

  /// Packs the direction, as pack() does the parameters.
  virtual void pack_tangent(int64_t /*task*/, float* /*packed*/) const {}
  /// y', behind forward.
  virtual void tangent(const Run& run, const Run& tangent) const = 0;
  /// dx and dx' from dy and dy', and the share in the tangent of the parameters' gradient. As it is here, it serves
  /// steps whose backward pass depends on dy and on nothing else that has a tangent, kinks aside.
  virtual void backward_tangent(const Run& run, const Run& tangent) const {
    backward(run);
    backward_gauss_newton(run, tangent);
  }
  /// Gauss-Newton's product keeps of that what backward makes of dy' alone.
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
