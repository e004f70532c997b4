// Layers with several inputs, prepared for the shapes of these. They run on the calling thread, and allocate nothing
// while they run.
#pragma once

#include "cnncore/merge.h"
#include "kernels/kernels.h"
#include "ops/broadcast.h"

namespace cnncore {

/// y = x[0] op x[1] op ... with NumPy's broadcasting. The average is the sum multiplied by 1 / n.
class MergePlan {
 public:
  MergePlan(Merge kind, const std::vector<Shape>& inputs);

  const Shape& output_shape() const { return shapes_.output_shape(); }
  /// Whether backward reads x (multiply, maximum, minimum); otherwise x may be null.
  bool needs_inputs() const { return kind_ == Merge::multiply || is_extremum(); }

  /// Computes `count` samples. y may be the same array as x[0] if that has the shape of the output. With `relu`, y =
  /// max(0, x[0] op x[1] op ...).
  void forward(const Kernels& k, int64_t count, const float* const* x, float* y, bool relu = false) const {
    forward_part(k, count, x, y, relu, 0, 1);
  }
  /// Computes part number `part` of `parts` of that.
  void forward_part(const Kernels& k, int64_t count, const float* const* x, float* y, bool relu, int64_t part,
                    int64_t parts) const;

  /// Computes the gradient of one input, summed over the axes along which this input repeats. With `accumulate` it is
  /// added to dx, otherwise dx is overwritten. If several inputs are equally large, the gradient of a maximum goes to
  /// the first of them, as in TensorFlow (PyTorch and JAX divide it between them); likewise for a minimum. A NaN counts
  /// as larger (smaller) than every number.
  void backward(const Kernels& k, int64_t count, int input, const float* const* x, const float* dy, float* dx,
                bool accumulate) const;

  /// Computes the tangent of y from the tangents of the inputs.
  void tangent(const Kernels& k, int64_t count, const float* const* x, const float* const* x_tangent,
               float* y_tangent) const;
  /// Adds to the tangent of dx the terms with the tangents of the other inputs. The rest of it is what backward
  /// computes from the tangent of dy.
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

/// y consists of the inputs, one after the other along an axis of the sample.
class ConcatenatePlan {
 public:
  /// A negative axis counts from the last one.
  ConcatenatePlan(int axis, const std::vector<Shape>& inputs);

  const Shape& output_shape() const { return output_; }
  void forward(int64_t count, const float* const* x, float* y) const;
  /// Copies the part of dy that belongs to an input to dx, or with `accumulate` adds it.
  void backward(const Kernels& k, int64_t count, int input, const float* dy, float* dx, bool accumulate) const;

 private:
  Shape output_;
  int64_t outer_, row_;         // the number of rows of a sample of the output, and their length
  std::vector<int64_t> begin_;  // where each input begins in a row, and where the row ends
};

/// y[i, j] = sum_k x1[i, k] * x2[j, k], where k runs along one axis of each sample. The axes of y are the other axes of
/// x1, and then those of x2. With `normalize`, x1 and x2 are first divided by their lengths along k, or by 1e-7 if they
/// are shorter.
class DotPlan {
 public:
  struct DotGradient {
    const float *x1, *x2, *dy;
    float* dx;
  };
  /// Axes are those of samples, counted from 0.
  DotPlan(int axis_1, int axis_2, bool normalize, const Shape& x1, const Shape& x2);

  const Shape& output_shape() const { return output_; }
  /// Floating-point operations of the forward pass for one sample.
  int64_t flops() const { return 2 * sides_[0].size() * sides_[1].vectors(); }
  /// The number of floats of `scratch` that the functions below need.
  int64_t scratch_size() const;
  void forward(const Kernels& k, int64_t count, const float* x1, const float* x2, float* y, float* scratch) const;
  /// The gradient of input 0 or 1; dx is overwritten.
  void backward(const Kernels& k, int64_t count, int input, const DotGradient& of, float* scratch) const;

  /// What a product with curvature reads: x, y and dy, each with its tangent.
  struct Tangents {
    const float* x[2];
    const float* x_tangent[2];
    const float *y, *dy;
    const float *y_tangent, *dy_tangent;
  };
  /// Computes the tangent of y from the tangents of both inputs.
  void tangent(int64_t count, const Tangents& a, float* y_tangent) const;
  /// Computes the tangent of the gradient of input 0 or 1. dx must be the gradient that backward has computed from dy.
  void backward_tangent(int64_t count, int input, const Tangents& a, const float* dx, float* dx_tangent) const;

 private:
  struct Unit;
  struct Side {
    int64_t outer, inner, terms;  // the sample has the shape (outer, terms, inner)
    int64_t vectors() const { return outer * inner; }
    int64_t size() const { return vectors() * terms; }
    // Where vector i begins. Its terms are `inner` floats apart.
    int64_t begin(int64_t i) const { return i / inner * inner * terms + i % inner; }
  };
  double inverse_length(const Side& s, const float* v) const;
  void multiply(const Kernels& k, const float* x1, const float* x2, float* y, float* scratch) const;
  void multiply_gradient(const Kernels& k, int input, const float* z, const float* dy, float* dx, float* scratch) const;
  void forward_by_vectors(int64_t count, const float* x1, const float* x2, float* y) const;
  void backward_by_vectors(int64_t count, int input, const DotGradient& of) const;
  Unit unit(const Side& s, const float* v, const float* v_tangent) const;

  bool normalize_;
  Side sides_[2];
  Shape output_;
  bool by_vectors_;  // whether each product is computed on its own, in double, instead of all as a product of matrices
  // Offsets for products of matrices: where the vectors of each side begin, where their terms are, and where the rows
  // and the columns of y are.
  std::vector<int32_t> vectors_[2], terms_[2], output_offsets_[2];
};

}  // namespace cnncore
