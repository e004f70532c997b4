// Activations that are computed element by element, and softmax and log_softmax over the last axis.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cnncore/activation_kind.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// The activation with this name in Keras: "relu", "leaky_relu", "silu" or "swish", ...; "gelu_tanh" is
/// gelu(approximate=True). Throws std::invalid_argument for another name.
Activation parse_activation(std::string_view name);
const char* to_string(Activation activation);

/// Throws std::invalid_argument if a parameter makes no sense for the kind.
void validate(const ActivationSpec& spec);

/// Whether backward reads the input x. Otherwise it reads the output y only.
constexpr bool needs_input(const ActivationSpec& spec) {
  switch (spec.kind) {
    case Activation::gelu:
    case Activation::gelu_tanh:
    case Activation::silu:
    case Activation::mish:
    case Activation::hard_silu:
    case Activation::softsign: return true;
    default: return false;
  }
}

/// Whether y[i] depends on x[i] alone. softmax and log_softmax depend on a whole row.
constexpr bool is_pointwise(const ActivationSpec& spec) {
  return spec.kind != Activation::softmax && spec.kind != Activation::log_softmax;
}

/// y = f(x) over (rows, cols); softmax and log_softmax are taken over each row. x and y may be the same array.
void activation(const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x, float* y);

/// dx = f'(x) dy, from the input x (null unless needs_input) or the output y (null if needs_input) of the forward pass.
void activation_backward(const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x, const float* y,
                         const float* dy, float* dx);

/// d2 = f''(x) element by element, from the array that backward reads. Only for pointwise kinds.
void activation_second(const ActivationSpec& spec, int64_t size, const float* x, const float* y, float* d2);

/// PReLU for a batch: y = x where x > 0, otherwise alpha * x. alpha has the shape of a sample, or 1 along axes whose
/// places share one alpha.
void prelu(const Shape& sample, const Shape& alpha_shape, int64_t batch, const float* x, const float* alpha, float* y);

/// Computes dx (skipped if null), and dalpha, which is the sum over the batch and the shared axes.
void prelu_backward(const Shape& sample, const Shape& alpha_shape, int64_t batch, const float* x, const float* alpha,
                    const float* dy, float* dx, float* dalpha);

}  // namespace cnncore
