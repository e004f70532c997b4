// The activations and their parameters. A header of its own because kernels include it: no library headers here.
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
  gelu,       // x times the normal distribution function
  gelu_tanh,  // its approximation by a tanh
  silu,
  mish,
  hard_sigmoid,
  hard_silu,
  softplus,
  softsign,
  exponential,
  log_sigmoid,
  log_softmax,
};

/// An activation with its parameters; a kind alone stands for Keras' defaults.
///   relu, leaky_relu, relu6   y = min(x, max_value) where x > threshold, else alpha * (x - threshold)
///   elu                       y = x where x > 0, else alpha * (e^x - 1)
///   celu                      y = x where x > 0, else alpha * (e^(x / alpha) - 1)
struct ActivationSpec {
  Activation kind = Activation::linear;
  float alpha = 0.0f;
  float max_value = __builtin_inff();
  float threshold = 0.0f;

  constexpr ActivationSpec() = default;
  constexpr ActivationSpec(Activation activation) : kind(activation) {  // NOLINT: a kind is a spec
    if (kind == Activation::leaky_relu) alpha = 0.2f;
    if (kind == Activation::elu || kind == Activation::celu) alpha = 1.0f;
    if (kind == Activation::relu6) max_value = 6.0f;
  }
};

}  // namespace cnncore
