// Activations over rows, computed on the calling thread. softmax and log_softmax are taken over each row.
#pragma once

#include "cnncore/activation.h"
#include "kernels/kernels.h"

namespace cnncore {

/// y = f(x). x and y may be the same array.
inline void activation_rows(const Kernels& k, const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x,
                            float* y) {
  if (spec.kind == Activation::softmax)
    k.softmax_rows(x, y, rows, cols);
  else if (spec.kind == Activation::log_softmax)
    k.log_softmax_rows(x, y, rows, cols);
  else if (spec.kind != Activation::linear || x != y)
    k.activation(spec, x, y, rows * cols);
}

/// Computes dx from dy and an array of the forward pass: x if needs_input(spec), otherwise y. The other one may be
/// null. dx and dy may be the same array. For pointwise kinds and for softmax the Jacobian is symmetric, so the same
/// function computes the tangent of y from that of x.
inline void activation_rows_backward(const Kernels& k, const ActivationSpec& spec, int64_t rows, int64_t cols,
                                     const float* x, const float* y, const float* dy, float* dx) {
  if (spec.kind == Activation::softmax)
    k.softmax_rows_backward(y, dy, dx, rows, cols);
  else if (spec.kind == Activation::log_softmax)
    k.log_softmax_rows_backward(y, dy, dx, rows, cols);
  else if (spec.kind != Activation::linear || dy != dx)
    k.activation_backward(spec, needs_input(spec) ? x : y, dy, dx, rows * cols);
}

/// The same for kinds whose backward pass reads y only.
inline void activation_rows_backward(const Kernels& k, const ActivationSpec& spec, int64_t rows, int64_t cols,
                                     const float* y, const float* dy, float* dx) {
  activation_rows_backward(k, spec, rows, cols, nullptr, y, dy, dx);
}

/// The tangent y' = f'(x) x' of a tangent x'. The two may be the same array.
inline void activation_rows_tangent(const Kernels& k, const ActivationSpec& spec, int64_t rows, int64_t cols,
                                    const float* x, const float* y, const float* x_tangent, float* y_tangent) {
  if (spec.kind == Activation::log_softmax)
    k.log_softmax_rows_tangent(y, x_tangent, y_tangent, rows, cols);
  else
    activation_rows_backward(k, spec, rows, cols, x, y, x_tangent, y_tangent);
}

/// d2 = f''(x) of a pointwise kind, from the array that backward reads.
inline void activation_rows_second(const Kernels& k, const ActivationSpec& spec, int64_t size, const float* x,
                                   const float* y, float* d2) {
  k.activation_second(spec, needs_input(spec) ? x : y, d2, size);
}

/// Whether f consists of straight lines, so that f'' is zero wherever f has a derivative.
constexpr bool is_piecewise_linear(const ActivationSpec& spec) {
  switch (spec.kind) {
    case Activation::linear:
    case Activation::relu:
    case Activation::leaky_relu:
    case Activation::relu6:
    case Activation::hard_sigmoid:
    case Activation::hard_shrink:
    case Activation::soft_shrink:
    case Activation::hard_tanh:
    case Activation::threshold:
    case Activation::sparse_sigmoid: return true;
    default: return false;
  }
}

/// The operands of softmax_rows_second.
struct SoftmaxSecond {
  const float* y;
  const float* y_tangent;
  const float* dy;
  float* dx_tangent;
};

/// activation_rows_backward computes dx from dy and y, and the tangent of dx has terms with the tangent of dy and terms
/// with the tangent of y. This adds the terms with the tangent of y, written y' here:
///   softmax      dx = y (dy - sum(y dy)):  dx' += y' (dy - sum(y dy)) - y sum(y' dy)
///   log_softmax  dx = dy - e^y sum(dy):    dx' -= e^y y' sum(dy)
void softmax_rows_second(Activation kind, int64_t rows, int64_t cols, const SoftmaxSecond& a);

}  // namespace cnncore
