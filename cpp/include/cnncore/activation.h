// Activation functions. softmax and log_softmax work on rows (the last axis), all others on each value by itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cnncore/activation_kind.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// Returns the activation with this name in Keras, such as "relu", "silu" or "swish". "gelu_tanh" is
/// gelu(approximate=True). Throws std::invalid_argument for another name.
Activation parse_activation(std::string_view name);
const char* to_string(Activation activation);

/// Throws std::invalid_argument if a parameter has a value that the kind does not allow.
void validate(const ActivationSpec& spec);

/// Whether the backward pass reads the input x. Otherwise it reads only the output y.
constexpr bool needs_input(const ActivationSpec& spec) {
  switch (spec.kind) {
    case Activation::gelu:
    case Activation::gelu_tanh:
    case Activation::silu:
    case Activation::mish:
    case Activation::hard_silu:
    case Activation::softsign:
    case Activation::tanh_shrink:
    case Activation::threshold:
    case Activation::squareplus:
    case Activation::sparse_plus: return true;
    default: return false;
  }
}

/// Whether y[i] depends on x[i] alone. In softmax and log_softmax it depends on a whole row.
constexpr bool is_pointwise(const ActivationSpec& spec) {
  return spec.kind != Activation::softmax && spec.kind != Activation::log_softmax;
}

/// Computes y = f(x) for an array (rows, cols). x and y may be the same array.
void activation(const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x, float* y);

/// Computes dx = f'(x) dy from the input x of the forward pass if needs_input(spec), otherwise from its output y. The
/// array that is not needed may be null.
void activation_backward(const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x, const float* y,
                         const float* dy, float* dx);

/// Computes the second derivative d2 = f''(x) of each value, from the array that the backward pass reads. The kind must
/// be pointwise.
void activation_second(const ActivationSpec& spec, int64_t size, const float* x, const float* y, float* d2);

/// PReLU for a batch: y = x where x > 0, and y = alpha * x elsewhere. alpha has the shape of a sample, or length 1
/// along axes where all values have the same alpha.
void prelu(const Shape& sample, const Shape& alpha_shape, int64_t batch, const float* x, const float* alpha, float* y);

/// Computes dx, unless it is null, and dalpha, which is summed over the batch and the shared axes.
void prelu_backward(const Shape& sample, const Shape& alpha_shape, int64_t batch, const float* x, const float* alpha,
                    const float* dy, float* dx, float* dalpha);

}  // namespace cnncore
