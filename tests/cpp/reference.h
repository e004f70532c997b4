// The ops as loops over their definitions, in double, with what bounds the float32 error of each result.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "arrays.h"
#include "cnncore/cnncore.h"

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

/// Calls f(y index, x indices) for every window and channel of a pool.
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

/// Sizes of a convolution's arrays.
struct ConvSizes {
  int64_t x, kernel, y;
  ConvSizes(const cnncore::Conv2dParams& p, int64_t batch)
      : x(batch * p.in_height * p.in_width * p.in_channels),
        kernel(p.kernel_height * p.kernel_width * p.in_channels / p.groups * p.filters),
        y(batch * cnncore::element_count(cnncore::conv2d_output_shape(p))) {}
};

/// Such a convolution may be computed by Winograd's F(2x2, 3x3), whose error has a bound of its own.
inline bool may_use_winograd(const cnncore::Conv2dParams& p) {
  return p.kernel_height == 3 && p.kernel_width == 3 && p.stride_height == 1 && p.stride_width == 1 &&
         p.dilation_height == 1 && p.dilation_width == 1 && p.groups == 1;
}

/// Winograd's Y = A^T [(G g G^T) . (B^T d B)] A with the magnitudes of all its terms, for one pixel (row, column) of a
/// 2x2 tile. Its roundings: 2 in B^T d B, 4 in G g G^T, 1 product, `channels` sums, 4 in A^T m A, 1 for the bias. d(y,
/// x, c) and g(ky, kx, c) return magnitudes.
template <class Data, class Kernel>
double winograd_bound(int64_t channels, int64_t row, int64_t column, double bias, Data d, Kernel g) {
  constexpr double kB[4][4] = {{1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 1}};
  constexpr double kG[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, {0, 0, 1}};
  constexpr double kA[2][4] = {{1, 1, 1, 0}, {0, 1, 1, 1}};
  double magnitude = std::fabs(bias);
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t j = 0; j < 4; ++j) {
        if (kA[row][i] == 0 || kA[column][j] == 0) continue;
        double data = 0, kernel = 0;
        for (int64_t y = 0; y < 4; ++y)
          for (int64_t x = 0; x < 4; ++x)
            if (kB[i][y] * kB[j][x] != 0) data += d(y, x, c);
        for (int64_t y = 0; y < 3; ++y)
          for (int64_t x = 0; x < 3; ++x) kernel += kG[i][y] * kG[j][x] * g(y, x, c);
        magnitude += data * kernel;
      }
  return static_cast<double>(channels + 12) * kUnit * magnitude;
}

/// The bound of y (n, i, j, o) of a 3x3 convolution of x, were it computed by tiles that begin at even pixels.
/// `flipped`: the gradient of the input, a convolution of dy with the kernel turned around; then x is dy and the result
/// dx.
struct WinogradBounds {
  const cnncore::Conv2dParams& p;
  const float* x;
  const float* kernel;
  bool flipped;

  double bound(int64_t n, int64_t i, int64_t j, int64_t o, double bias) const {
    const cnncore::Shape out = cnncore::conv2d_output_shape(p);
    const int64_t height = flipped ? out[0] : p.in_height, width = flipped ? out[1] : p.in_width;
    const int64_t channels = flipped ? p.filters : p.in_channels;
    const int64_t top = flipped ? 2 - p.padding.top : p.padding.top,
                  left = flipped ? 2 - p.padding.left : p.padding.left;
    const auto data = [&](int64_t y, int64_t xx, int64_t c) {
      const int64_t at_y = i / 2 * 2 + y - top, at_x = j / 2 * 2 + xx - left;
      if (at_y < 0 || at_y >= height || at_x < 0 || at_x >= width) return 0.0;
      return std::fabs(static_cast<double>(x[((n * height + at_y) * width + at_x) * channels + c]));
    };
    const auto weight = [&](int64_t ky, int64_t kx, int64_t c) {
      const int64_t tap = flipped ? (2 - ky) * 3 + 2 - kx : ky * 3 + kx;
      return std::fabs(static_cast<double>(flipped ? kernel[(tap * p.in_channels + o) * p.filters + c]
                                                   : kernel[(tap * p.in_channels + c) * p.filters + o]));
    };
    return winograd_bound(channels, i % 2, j % 2, bias, data, weight);
  }
};

/// The place of a window's maximum: the first one.
inline int64_t place_of_maximum(const float* x, const std::vector<int64_t>& window) {
  int64_t best = window.front();
  for (const int64_t at : window)
    if (x[at] > x[best]) best = at;
  return best;
}

}  // namespace testing
