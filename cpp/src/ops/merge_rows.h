// Layers of several inputs, prepared for their shapes; they run on the calling thread and allocate nothing there.
#pragma once

#include "cnncore/merge.h"
#include "kernels/kernels.h"
#include "ops/broadcast.h"

namespace cnncore {

/// y = x[0] op x[1] op ... with NumPy's broadcasting; the average is the sum times 1 / n.
class MergePlan {
 public:
  MergePlan(Merge kind, const std::vector<Shape>& inputs);

  const Shape& output_shape() const { return shapes_.output_shape(); }
  /// Whether backward reads x (multiply, maximum, minimum); otherwise x may be null.
  bool needs_inputs() const { return kind_ == Merge::multiply || is_extremum(); }

  /// `count` samples. y may be x[0] where that has the output's shape. With `relu`, y = max(0, x[0] op x[1] op ...).
  void forward(const Kernels& k, int64_t count, const float* const* x, float* y, bool relu = false) const;

  /// The gradient of one input, summed over the axes along which it repeats; `accumulate` adds to dx, otherwise it is
  /// overwritten. A maximum's (minimum's) gradient goes to the first input that attains it, as in TensorFlow; PyTorch
  /// and JAX halve it between two equal ones. A NaN counts as beyond every number.
  void backward(const Kernels& k, int64_t count, int input, const float* const* x, const float* dy, float* dx,
                bool accumulate) const;

  /// y' from the tangents of the inputs.
  void tangent(const Kernels& k, int64_t count, const float* const* x, const float* const* x_tangent,
               float* y_tangent) const;
  /// dx' += what the tangents of the other inputs change in dx; beside it dx' is what backward makes of dy'.
  void add_second(const Kernels& k, int64_t count, int input, const float* const* x, const float* const* x_tangent,
                  const float* dy, float* dx_tangent) const;

 private:
  bool is_extremum() const { return kind_ == Merge::maximum || kind_ == Merge::minimum; }
  void product_without(const Kernels& k, const Broadcast::Block& b, int input, Operand start, const float* const* x,
                       int replaced, const float* const* x_tangent, float* t) const;
  void where_extreme(const Kernels& k, const Broadcast::Block& b, int input, Operand start, const float* const* x,
                     float* t) const;

  Merge kind_;
  int inputs_;
  Broadcast shapes_;
};

/// y = the inputs one behind the other along an axis of the sample.
class ConcatenatePlan {
 public:
  /// A negative axis counts from the last one.
  ConcatenatePlan(int axis, const std::vector<Shape>& inputs);

  const Shape& output_shape() const { return output_; }
  void forward(int64_t count, const float* const* x, float* y) const;
  /// The input's part of dy; `accumulate` adds to dx.
  void backward(const Kernels& k, int64_t count, int input, const float* dy, float* dx, bool accumulate) const;

 private:
  Shape output_;
  int64_t outer_, row_;         // rows of an output sample and their length
  std::vector<int64_t> begin_;  // where each input begins in a row, and the row's end
};

/// y[i, j] = sum_k x1[i, k] * x2[j, k], over an axis of each sample: what is left of x1's axes, then of x2's. Where
/// `normalize`, x1 and x2 are first divided by max(their length along k, 1e-7).
class DotPlan {
 public:
  /// Axes of the samples, from 0 on.
  DotPlan(int axis_1, int axis_2, bool normalize, const Shape& x1, const Shape& x2);

  const Shape& output_shape() const { return output_; }
  void forward(int64_t count, const float* x1, const float* x2, float* y) const;
  /// The gradient of input 0 or 1; dx is overwritten.
  void backward(int64_t count, int input, const float* x1, const float* x2, const float* dy, float* dx) const;

  /// What a product with curvature reads: x and y with their tangents, and dy with its own.
  struct Tangents {
    const float* x[2];
    const float* x_tangent[2];
    const float *y, *dy;
    const float *y_tangent, *dy_tangent;
  };
  /// y' from x' of both inputs.
  void tangent(int64_t count, const Tangents& a, float* y_tangent) const;
  /// dx' of input 0 or 1; dx is what backward has made of dy.
  void backward_tangent(int64_t count, int input, const Tangents& a, const float* dx, float* dx_tangent) const;

 private:
  struct Unit;
  struct Side {
    int64_t outer, inner, terms;  // (outer, terms, inner)
    int64_t vectors() const { return outer * inner; }
    int64_t size() const { return vectors() * terms; }
    int64_t begin(int64_t i) const { return i / inner * inner * terms + i % inner; }  // term t lies t * inner further
  };
  double inverse_length(const Side& s, const float* v) const;
  Unit unit(const Side& s, const float* v, const float* v_tangent) const;

  bool normalize_;
  Side sides_[2];
  Shape output_;
};

}  // namespace cnncore
