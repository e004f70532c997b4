// The ops in double, as loops that follow their definitions, and bounds of the float32 error of each result.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "arrays.h"
#include "cnncore/cnncore.h"
#include "winograd_bounds.h"

namespace testing {

using Sums = std::vector<Sum>;

/// Calls f(x index, kernel index, y index) for every product of a convolution.
template <class Function>
void for_products(const cnncore::Conv2dParams& p, int64_t batch, Function f) {
  const cnncore::Shape out = cnncore::conv2d_output_shape(p);
  const int64_t channels = p.in_channels / p.groups, filters = p.filters / p.groups;
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t i = 0; i < out[0]; ++i)
      for (int64_t j = 0; j < out[1]; ++j)
        for (int64_t ky = 0; ky < p.kernel_height; ++ky)
          for (int64_t kx = 0; kx < p.kernel_width; ++kx) {
            const int64_t y = i * p.stride_height + ky * p.dilation_height - p.padding.top;
            const int64_t x = j * p.stride_width + kx * p.dilation_width - p.padding.left;
            if (y < 0 || y >= p.in_height || x < 0 || x >= p.in_width) continue;
            for (int64_t c = 0; c < channels; ++c)
              for (int64_t o = 0; o < p.filters; ++o)
                f(((n * p.in_height + y) * p.in_width + x) * p.in_channels + o / filters * channels + c,
                  ((ky * p.kernel_width + kx) * channels + c) * p.filters + o,
                  ((n * out[0] + i) * out[1] + j) * p.filters + o);
          }
}

/// Calls f(y index, x indices) for every window and channel of a pooling.
template <class Function>
void for_windows(const cnncore::Pool2dParams& p, int64_t batch, Function f) {
  const cnncore::Shape out = cnncore::pool2d_output_shape(p);
  std::vector<int64_t> inside;
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t i = 0; i < out[0]; ++i)
      for (int64_t j = 0; j < out[1]; ++j)
        for (int64_t c = 0; c < p.channels; ++c) {
          inside.clear();
          for (int64_t y = i * p.stride_height - p.padding.top, k = 0; k < p.pool_height; ++y, ++k)
            for (int64_t x = j * p.stride_width - p.padding.left, l = 0; l < p.pool_width; ++x, ++l)
              if (y >= 0 && y < p.in_height && x >= 0 && x < p.in_width)
                inside.push_back(((n * p.in_height + y) * p.in_width + x) * p.channels + c);
          f(((n * out[0] + i) * out[1] + j) * p.channels + c, inside);
        }
}

/// The numbers of elements of a convolution's arrays.
struct ConvSizes {
  int64_t x, kernel, y;
  ConvSizes(const cnncore::Conv2dParams& p, int64_t batch)
      : x(batch * p.in_height * p.in_width * p.in_channels),
        kernel(p.kernel_height * p.kernel_width * p.in_channels / p.groups * p.filters),
        y(batch * cnncore::element_count(cnncore::conv2d_output_shape(p))) {}
};

/// Such a convolution may be computed by Winograd's algorithms, whose errors have bounds of their own.
inline bool may_use_winograd(const cnncore::Conv2dParams& p) {
  return p.kernel_height == 3 && p.kernel_width == 3 && p.stride_height == 1 && p.stride_width == 1 &&
         p.dilation_height == 1 && p.dilation_width == 1 && p.groups == 1;
}

/// The magnitudes of an image's values, and 0 outside the image, as tiles of Winograd's algorithm read them.
struct Magnitudes {
  const float* values;
  int64_t height, width, channels, top, left;  // top and left: the border before the image
  double operator()(int64_t n, int64_t y, int64_t x, int64_t c) const {
    y -= top, x -= left;
    if (y < 0 || y >= height || x < 0 || x >= width) return 0;
    return std::fabs(static_cast<double>(values[((n * height + y) * width + x) * channels + c]));
  }
};

/// The larger bound of each value.
inline std::vector<double> larger_bounds(std::vector<double> a, const std::vector<double>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] = std::max(a[i], b[i]);
  return a;
}

/// Bounds for convolutions that may use Winograd's algorithm. Gradients may use squares of 4x4 pixels.
inline std::vector<double> tiled_bounds(const cnncore::Conv2dParams& p, int64_t batch, const float* x,
                                        const float* kernel) {
  const cnncore::Shape out = cnncore::conv2d_output_shape(p);
  return winograd_bounds(
      {batch, out[0], out[1], p.in_channels, p.filters},
      Magnitudes{x, p.in_height, p.in_width, p.in_channels, p.padding.top, p.padding.left},
      [&](int64_t ky, int64_t kx, int64_t c, int64_t f) {
        return std::fabs(static_cast<double>(kernel[((ky * 3 + kx) * p.in_channels + c) * p.filters + f]));
      });
}

/// Error bounds of the gradient of the input, which is a convolution of dy with the kernel rotated by 180 degrees.
inline std::vector<double> tiled_data_bounds(const cnncore::Conv2dParams& p, int64_t batch, const float* dy,
                                             const float* kernel) {
  const cnncore::Shape out = cnncore::conv2d_output_shape(p);
  const auto of = [&](int64_t side) {
    return winograd_bounds({batch, p.in_height, p.in_width, p.filters, p.in_channels, side},
                           Magnitudes{dy, out[0], out[1], p.filters, 2 - p.padding.top, 2 - p.padding.left},
                           [&](int64_t ky, int64_t kx, int64_t f, int64_t c) {
                             const int64_t tap = (2 - ky) * 3 + 2 - kx;
                             return std::fabs(static_cast<double>(kernel[(tap * p.in_channels + c) * p.filters + f]));
                           });
  };
  return larger_bounds(of(2), of(4));
}

inline std::vector<double> tiled_kernel_bounds(const cnncore::Conv2dParams& p, int64_t batch, const float* x,
                                               const float* dy) {
  const cnncore::Shape out = cnncore::conv2d_output_shape(p);
  const auto of = [&](int64_t side) {
    return winograd_kernel_bounds({batch, out[0], out[1], p.in_channels, p.filters, side},
                                  Magnitudes{x, p.in_height, p.in_width, p.in_channels, p.padding.top, p.padding.left},
                                  Magnitudes{dy, out[0], out[1], p.filters, 0, 0});
  };
  return larger_bounds(of(2), of(4));
}

/// The index of the maximum of a window; of several equal ones, the first.
inline int64_t place_of_maximum(const float* x, const std::vector<int64_t>& window) {
  int64_t best = window.front();
  for (const int64_t at : window)
    if (x[at] > x[best]) best = at;
  return best;
}

}  // namespace testing
