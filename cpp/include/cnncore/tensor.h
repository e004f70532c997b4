// Shapes and padding. Tensors are arrays of float32 in the memory of the caller. Images have the layout (batch, height,
// width, channels), and kernels of convolutions (height, width, inputs, outputs).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cnncore {

/// The shape of one sample of a tensor, without the batch axis: {height, width, channels} or {features}. It is {} if
/// there is a single value for each sample.
using Shape = std::vector<int64_t>;

/// Returns the product of the sizes. Throws std::invalid_argument if it is too large.
int64_t element_count(const Shape& shape);

/// Returns the length of the last axis, or 1 for the shape {}.
inline int64_t last_size(const Shape& shape) { return shape.empty() ? 1 : shape.back(); }

/// Returns the shape as text, such as "(28, 28, 1)".
std::string to_string(const Shape& shape);

/// The number of rows and columns that are added around an image.
struct Padding {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

/// Padding along one axis. same_padding() returns the padding "same" of Keras, with which the output has ceil(size /
/// stride) pixels. If its sum is odd, there is one pixel more after the axis than before it.
struct PaddingPair {
  int64_t before, after;
};
PaddingPair same_padding(int64_t size, int64_t kernel, int64_t stride, int64_t dilation = 1);

/// Returns the size of the output of a convolution or pooling along one axis, (W - F + P) / S + 1 rounded down, where P
/// is `before` + `after` and F = (kernel - 1) * dilation + 1. Throws std::invalid_argument with the name of `op` if the
/// kernel is larger than the padded input, or a size is not positive.
int64_t output_size(const char* op, int64_t size, int64_t kernel, int64_t stride, PaddingPair padding,
                    int64_t dilation = 1);

}  // namespace cnncore
