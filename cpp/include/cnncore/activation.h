// Element-wise activations, and softmax over the last axis.
#pragma once

#include <cstdint>
#include <string_view>

#include "cnncore/activation_kind.h"

namespace cnncore {

/// "linear", "relu", "sigmoid", "tanh", "softmax"; throws std::invalid_argument for another name.
Activation parse_activation(std::string_view name);
const char* to_string(Activation activation);

/// y = f(x) over (rows, cols); softmax is taken over each row. x and y may be the same array.
void activation(Activation kind, int64_t rows, int64_t cols, const float* x, float* y);

/// dx from dy and the output y of the forward pass.
void activation_backward(Activation kind, int64_t rows, int64_t cols, const float* y, const float* dy, float* dx);

}  // namespace cnncore
