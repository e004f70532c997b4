// The activation functions and their parameters. Kernels include this header, so it must not include the standard
// library.
#pragma once

namespace cnncore {

enum class Activation {
  linear,
  relu,
  sigmoid,
  tanh,
  softmax,
  leaky_relu,
  relu6,
  elu,
  selu,
  celu,
  gelu,       // x times the probability that a standard normal number is less than x
  gelu_tanh,  // an approximation of gelu by a tanh
  silu,
  mish,
  hard_sigmoid,
  hard_silu,
  softplus,
  softsign,
  exponential,
  log_sigmoid,
  log_softmax,
  hard_shrink,
  soft_shrink,
  tanh_shrink,
  hard_tanh,
  threshold,
  squareplus,
  sparse_plus,
  sparse_sigmoid,
};

/// An activation with its parameters. If it is made of a kind alone, the parameters are Keras' defaults.
///   relu, leaky_relu, relu6   y = min(x, max_value) where x > threshold, else alpha * (x - threshold)
///   elu                       y = x where x > 0, else alpha * (e^x - 1)
///   celu                      y = x where x > 0, else alpha * (e^(x / alpha) - 1)
///   hard_shrink               y = x where |x| > threshold, else 0
///   soft_shrink               y = x - threshold where x > threshold, x + threshold where x < -threshold, else 0
///   threshold                 y = x where x > threshold, else alpha
///   squareplus                y = (x + sqrt(x^2 + alpha)) / 2
struct ActivationSpec {
  Activation kind = Activation::linear;
  float alpha = 0.0f;
  float max_value = __builtin_inff();
  float threshold = 0.0f;

  constexpr ActivationSpec() = default;
  constexpr ActivationSpec(Activation activation) : kind(activation) {  // NOLINT: converts a kind on purpose
    if (kind == Activation::leaky_relu) alpha = 0.2f;
    if (kind == Activation::elu || kind == Activation::celu) alpha = 1.0f;
    if (kind == Activation::relu6) max_value = 6.0f;
    if (kind == Activation::hard_shrink || kind == Activation::soft_shrink) threshold = 0.5f;
    if (kind == Activation::squareplus) alpha = 4.0f;
  }
};

}  // namespace cnncore
