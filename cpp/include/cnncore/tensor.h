// Shapes. Tensors are plain float32 arrays that the caller owns: activations NHWC, convolution kernels HWIO.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cnncore {

/// The shape of one sample of a tensor, without the batch axis: {height, width, channels} or {features}.
using Shape = std::vector<int64_t>;

/// The product of the dimensions; throws std::invalid_argument where it does not fit.
int64_t element_count(const Shape& shape);

/// "(28, 28, 1)"
std::string to_string(const Shape& shape);

/// What is added around an image, in pixels.
struct Padding {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

/// Keras' "same" along one axis: output = ceil(size / stride), the odd pixel goes behind.
struct PaddingPair {
  int64_t before, after;
};
PaddingPair same_padding(int64_t size, int64_t kernel, int64_t stride, int64_t dilation = 1);

/// (W - F + 2P) / S + 1 with P split in `before` and `after`, rounded down; F is the dilated kernel. Throws
/// std::invalid_argument where the kernel is larger than the padded input or a size is not positive; `op` is named in
/// the message.
int64_t output_size(const char* op, int64_t size, int64_t kernel, int64_t stride, PaddingPair padding,
                    int64_t dilation = 1);

}  // namespace cnncore
