// Depthwise convolution without a border around the image: the pixels are sorted by the taps that lie inside it.
#pragma once

#include <vector>

#include "kernels/kernels.h"
#include "ops/conv2d_geometry.h"

namespace cnncore {

class DepthwiseConv2d {
 public:
  /// Up to `images` consecutive images are taken together. backward_data wants input_grad.
  DepthwiseConv2d(const Conv2dParams& params, int64_t images, bool input_grad, const Kernels& kernels);

  void forward(int64_t count, const float* x, const float* kernel, const float* bias, float* y, bool relu,
               bool stream) const;
  void backward_data(int64_t count, const float* dy, const float* kernel, float* dx, bool stream) const;
  /// Added to dw.
  void backward_weights(int64_t count, const float* x, const float* dy, float* dw) const;

 private:
  /// Pixels of the result with the same taps, which read the same places relative to their first one.
  struct PixelClass {
    Offsets tap_offset, w_offset;    // per tap: in the source, in the kernel
    Offsets from_offset, to_offset;  // per pixel, in consecutive sources and results
    int64_t per_image;
  };
  struct AxisClass;
  template <class Source>
  static std::vector<AxisClass> axis_classes(int64_t size, int64_t taps, int64_t limit, Source source);
  std::vector<PixelClass> pixel_classes(const std::vector<AxisClass>& rows, const std::vector<AxisClass>& columns,
                                        const Frame& from, const Frame& to, int64_t images) const;
  void run(const std::vector<PixelClass>& classes, int64_t count, DepthwiseArgs a) const;

  Conv2dParams params_;
  const Kernels& k_;
  std::vector<PixelClass> forward_, data_;
};

}  // namespace cnncore
