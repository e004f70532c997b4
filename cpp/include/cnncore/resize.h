// Layers that move, repeat or interpolate the pixels of images, and global pooling. Images are (height, width,
// channels).
#pragma once

#include "cnncore/tensor.h"

namespace cnncore {

struct ImageSize {
  int64_t height = 0, width = 0, channels = 0;
};

/// Adds zeros around an image. The gradient is cropping2d of dy.
Shape zero_padding2d_output_shape(const ImageSize& in, const Padding& padding);
void zero_padding2d(const ImageSize& in, const Padding& padding, int64_t batch, const float* x, float* y);

/// Cuts off rows and columns. The gradient is zero_padding2d of dy.
Shape cropping2d_output_shape(const ImageSize& in, const Padding& cropping);
void cropping2d(const ImageSize& in, const Padding& cropping, int64_t batch, const float* x, float* y);

/// Axis a of y is axis dims[a] of x; as in Keras, axes are counted from 1. The gradient is the inverse permutation.
Shape permute_output_shape(const Shape& in, const std::vector<int>& dims);
void permute(const Shape& in, const std::vector<int>& dims, int64_t batch, const float* x, float* y);
void permute_backward(const Shape& in, const std::vector<int>& dims, int64_t batch, const float* dy, float* dx);

/// Makes images larger by whole factors: by the nearest pixel, or by interpolation between the four nearest pixels.
/// Output pixel o is at (o + 1/2) / scale - 1/2, limited to the image.
struct Upsampling2dParams {
  ImageSize in;
  int64_t height_factor = 2, width_factor = 2;
  bool bilinear = false;
};
Shape upsampling2d_output_shape(const Upsampling2dParams& params);
void upsampling2d(const Upsampling2dParams& params, int64_t batch, const float* x, float* y);
void upsampling2d_backward(const Upsampling2dParams& params, int64_t batch, const float* dy, float* dx);

/// From (pixels, channels) to (channels): the mean or the maximum. The gradient of the maximum goes to the first pixel
/// that has it.
void global_avg_pool2d(int64_t pixels, int64_t channels, int64_t batch, const float* x, float* y);
void global_avg_pool2d_backward(int64_t pixels, int64_t channels, int64_t batch, const float* dy, float* dx);
void global_max_pool2d(int64_t pixels, int64_t channels, int64_t batch, const float* x, float* y);
void global_max_pool2d_backward(int64_t pixels, int64_t channels, int64_t batch, const float* x, const float* dy,
                                float* dx);

}  // namespace cnncore
