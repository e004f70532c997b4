// Shapes. Tensors are plain float32 arrays that the caller owns: activations NHWC, convolution kernels HWIO.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cnncore {

/// The shape of one sample of a tensor, without the batch axis: {height, width, channels} or {features}.
using Shape = std::vector<int64_t>;

/// The product of the dimensions. Throws std::invalid_argument if it is too large.
int64_t element_count(const Shape& shape);

/// The shape as text: "(28, 28, 1)".
std::string to_string(const Shape& shape);

/// The number of pixels that are added around an image.
struct Padding {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

/// The padding "same" of Keras along one axis: the output has ceil(size / stride) pixels, and an odd pixel is added at
/// the end.
struct PaddingPair {
  int64_t before, after;
};
PaddingPair same_padding(int64_t size, int64_t kernel, int64_t stride, int64_t dilation = 1);

/// (W - F + 2P) / S + 1 rounded down, where 2P is `before` + `after` and F is the size of the dilated kernel. Throws
/// std::invalid_argument, naming `op`, if the kernel is larger than the padded input or a size is not positive.
int64_t output_size(const char* op, int64_t size, int64_t kernel, int64_t stride, PaddingPair padding,
                    int64_t dilation = 1);

}  // namespace cnncore
