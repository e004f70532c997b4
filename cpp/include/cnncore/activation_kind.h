// The activations by name. A header of its own because kernels include it: no library headers here.
#pragma once

namespace cnncore {

enum class Activation { linear, relu, sigmoid, tanh, softmax };

}  // namespace cnncore
