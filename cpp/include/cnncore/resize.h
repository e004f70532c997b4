// Layers that move, repeat or interpolate the pixels of images, and global pooling. Images are (height, width,
// channels).
#pragma once

#include "cnncore/tensor.h"

namespace cnncore {

struct ImageSize {
  int64_t height = 0, width = 0, channels = 0;
};

/// Zeros around an image; its gradient is cropping2d of dy.
Shape zero_padding2d_output_shape(const ImageSize& in, const Padding& padding);
void zero_padding2d(const ImageSize& in, const Padding& padding, int64_t batch, const float* x, float* y);

/// Rows and columns cut off; its gradient is zero_padding2d of dy.
Shape cropping2d_output_shape(const ImageSize& in, const Padding& cropping);
void cropping2d(const ImageSize& in, const Padding& cropping, int64_t batch, const float* x, float* y);

/// y's axis a is x's axis dims[a], counted from 1 (Keras); the gradient is the permutation back.
Shape permute_output_shape(const Shape& in, const std::vector<int>& dims);
void permute(const Shape& in, const std::vector<int>& dims, int64_t batch, const float* x, float* y);
void permute_backward(const Shape& in, const std::vector<int>& dims, int64_t batch, const float* dy, float* dx);

/// Images scaled up by whole factors: the nearest pixel, or between the four nearest by half-pixel centres (output
/// pixel o lies at (o + 1/2) / scale - 1/2, held inside the image).
struct Upsampling2dParams {
  ImageSize in;
  int64_t height_factor = 2, width_factor = 2;
  bool bilinear = false;
};
Shape upsampling2d_output_shape(const Upsampling2dParams& params);
void upsampling2d(const Upsampling2dParams& params, int64_t batch, const float* x, float* y);
void upsampling2d_backward(const Upsampling2dParams& params, int64_t batch, const float* dy, float* dx);

/// (pixels, channels) to (channels): the mean, or the maximum, whose gradient goes to the first pixel that attains it.
void global_avg_pool2d(int64_t pixels, int64_t channels, int64_t batch, const float* x, float* y);
void global_avg_pool2d_backward(int64_t pixels, int64_t channels, int64_t batch, const float* dy, float* dx);
void global_max_pool2d(int64_t pixels, int64_t channels, int64_t batch, const float* x, float* y);
void global_max_pool2d_backward(int64_t pixels, int64_t channels, int64_t batch, const float* x, const float* dy,
                                float* dx);

}  // namespace cnncore
