// Ops that move, repeat or interpolate the pixels of images, and global pooling. The shape of an image is (height,
// width, channels).
#pragma once

#include "cnncore/tensor.h"

namespace cnncore {

struct ImageSize {
  int64_t height = 0, width = 0, channels = 0;
};

/// Adds zeros around images. The gradient of x is cropping2d of the gradient of y.
Shape zero_padding2d_output_shape(const ImageSize& in, const Padding& padding);
void zero_padding2d(const ImageSize& in, const Padding& padding, int64_t batch, const float* x, float* y);

/// Cuts rows and columns off images. The gradient of x is zero_padding2d of the gradient of y.
Shape cropping2d_output_shape(const ImageSize& in, const Padding& cropping);
void cropping2d(const ImageSize& in, const Padding& cropping, int64_t batch, const float* x, float* y);

/// Brings the axes of samples into another order: dims are the numbers of the axes of x in the order that they have in
/// y. As in Keras, the first axis of a sample has the number 1.
Shape permute_output_shape(const Shape& in, const std::vector<int>& dims);
void permute(const Shape& in, const std::vector<int>& dims, int64_t batch, const float* x, float* y);
void permute_backward(const Shape& in, const std::vector<int>& dims, int64_t batch, const float* dy, float* dx);

/// Makes images larger by whole factors: repeats pixels, or interpolates between the four nearest ones. Pixel i of the
/// output is at (i + 1/2) / factor - 1/2 in the input, or at the nearest place inside the image.
struct Upsampling2dParams {
  ImageSize in;
  int64_t height_factor = 2, width_factor = 2;
  bool bilinear = false;
};
Shape upsampling2d_output_shape(const Upsampling2dParams& params);
void upsampling2d(const Upsampling2dParams& params, int64_t batch, const float* x, float* y);
void upsampling2d_backward(const Upsampling2dParams& params, int64_t batch, const float* dy, float* dx);

/// Global pooling: the mean or the maximum of each channel over all pixels, from (pixels, channels) to (channels). The
/// gradient of the maximum goes to the first pixel that has the largest value.
void global_avg_pool2d(int64_t pixels, int64_t channels, int64_t batch, const float* x, float* y);
void global_avg_pool2d_backward(int64_t pixels, int64_t channels, int64_t batch, const float* dy, float* dx);
void global_max_pool2d(int64_t pixels, int64_t channels, int64_t batch, const float* x, float* y);
void global_max_pool2d_backward(int64_t pixels, int64_t channels, int64_t batch, const float* x, const float* dy,
                                float* dx);

}  // namespace cnncore
