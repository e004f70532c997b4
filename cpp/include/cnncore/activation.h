// Activations element by element, and softmax and log_softmax over the last axis.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cnncore/activation_kind.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// Keras' names: "relu", "leaky_relu", "silu" or "swish", ...; "gelu_tanh" is gelu(approximate=True). Throws
/// std::invalid_argument for another name.
Activation parse_activation(std::string_view name);
const char* to_string(Activation activation);

/// Throws std::invalid_argument where a parameter makes no sense for its kind.
void validate(const ActivationSpec& spec);

/// Whether backward reads the input x; otherwise it reads the output y alone.
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

/// Whether y[i] follows from x[i] alone; softmax and log_softmax look at a whole row.
constexpr bool is_pointwise(const ActivationSpec& spec) {
  return spec.kind != Activation::softmax && spec.kind != Activation::log_softmax;
}

/// y = f(x) over (rows, cols); softmax and log_softmax are taken over each row. x and y may be the same array.
void activation(const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x, float* y);

/// dx = f'(x) dy from the input x (null unless needs_input) and the output y (null where needs_input) of the forward
/// pass.
void activation_backward(const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x, const float* y,
                         const float* dy, float* dx);

/// d2 = f''(x) element by element, from what backward reads; pointwise kinds only.
void activation_second(const ActivationSpec& spec, int64_t size, const float* x, const float* y, float* d2);

/// PReLU over a batch: y = x where x > 0, else alpha * x; alpha has the sample's shape, with 1 along axes that share.
void prelu(const Shape& sample, const Shape& alpha_shape, int64_t batch, const float* x, const float* alpha, float* y);

/// dx (null: not wanted) and dalpha, summed over the batch and the shared axes.
void prelu_backward(const Shape& sample, const Shape& alpha_shape, int64_t batch, const float* x, const float* alpha,
                    const float* dy, float* dx, float* dalpha);

}  // namespace cnncore
