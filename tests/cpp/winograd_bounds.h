// Bounds of the float32 error of Winograd's algorithms: the sums of the magnitudes of all terms, times the number of
// roundings that a term goes through.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "arrays.h"

namespace testing {

using Square = std::array<double, 36>;  // in the first (side + 2)^2 places
using Lines = std::vector<std::vector<double>>;

/// The magnitudes of the matrices for squares of 2x2 or 4x4 pixels (kernels/winograd.inl.h). With strides of 2 there
/// are those of the forward pass, for squares of 2x2 pixels.
struct WinogradLines {
  Lines input, kernel, gradient;  // |B^T|, |G| of a 3x3 kernel, |G| of a square of gradients
  Lines output, taps;             // |A^T| of a square of outputs, |A^T| of the gradient of a kernel
};

inline WinogradLines winograd_lines(int64_t side, int64_t stride = 1) {
  if (stride == 2)
    return {.input = {{1, 0, 1, 0, 0}, {0, 0, 1, 0, 0}, {0, 0, 1, 0, 1}, {0, 1, 0, 0, 0}, {0, 0, 0, 1, 0}},
            .kernel = {{1, 0, 0}, {1, 0, 1}, {0, 0, 1}, {0, 1, 0}, {0, 1, 0}},
            .gradient = {},
            .output = {{1, 1, 0, 1, 0}, {0, 1, 1, 0, 1}},
            .taps = {}};
  if (side == 2)
    return {.input = {{1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 1}},
            .kernel = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, {0, 0, 1}},
            .gradient = {{1, 0}, {0.5, 0.5}, {0.5, 0.5}, {0, 1}},
            .output = {{1, 1, 1, 0}, {0, 1, 1, 1}},
            .taps = {{1, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 1}}};
  const double a = 0.75, b = 1.5, aa = a * a, bb = b * b, z = 1 / (aa * bb), n = 1 / (2 * aa * (bb - aa)),
               m = 1 / (2 * bb * (bb - aa));
  const std::vector<double> near = {0, a * bb, bb, a, 1, 0}, far = {0, b * aa, aa, b, 1, 0};
  const std::vector<double> near_powers = {1, a, aa, aa * a}, far_powers = {1, b, bb, bb * b};
  return {
      .input = {{aa * bb, 0, aa + bb, 0, 1, 0}, near, near, far, far, {0, aa * bb, 0, aa + bb, 0, 1}},
      .kernel = {{z, 0, 0}, {n, a * n, aa * n}, {n, a * n, aa * n}, {m, b * m, bb * m}, {m, b * m, bb * m}, {0, 0, 1}},
      .gradient = {{1, 0, 0, 0}, near_powers, near_powers, far_powers, far_powers, {0, 0, 0, 1}},
      .output = {{1, 1, 1, 1, 1, 0},
                 {0, a, a, b, b, 0},
                 {0, aa, aa, bb, bb, 0},
                 {0, a * aa, a * aa, b * bb, b * bb, 1}},
      .taps = {{z, n, n, m, m, 0}, {0, a * n, a * n, b * m, b * m, 0}, {0, aa * n, aa * n, bb * m, bb * m, 1}}};
}

/// The roundings that a term goes through, besides those of the sum over channels or squares: 2 in B^T d B, 4 in G g
/// G^T, 1 in the product, 4 in A^T m A, and 1 where a bias is added; with 4x4 squares each line has two more.
inline double winograd_roundings(int64_t side) { return side == 2 ? 12 : 24; }

template <class Values>  // values(row, column) are magnitudes
Square transformed(const Lines& lines, Values values) {
  Square square{};
  const size_t side = lines.size(), size = lines[0].size();
  for (size_t y = 0; y < size; ++y)
    for (size_t x = 0; x < size; ++x) {
      const double value = values(static_cast<int64_t>(y), static_cast<int64_t>(x));
      for (size_t i = 0; i < side * side; ++i) square[i] += lines[i / side][y] * lines[i % side][x] * value;
    }
  return square;
}

// One value of A^T m A.
inline double transformed_back(const Lines& lines, size_t y, size_t x, const Square& m) {
  const size_t side = lines[0].size();
  double sum = 0;
  for (size_t k = 0; k < side * side; ++k) sum += lines[y][k / side] * lines[x][k % side] * m[k];
  return sum;
}

/// Sizes of a 3x3 convolution whose output is cut into squares from its first pixel on.
struct TiledSizes {
  int64_t batch, height, width, channels, filters;  // height and width of the output
  int64_t side = 2, stride = 1;

  template <class Function>
  void for_tiles(Function f) const {
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t i = 0; i < height; i += side)
        for (int64_t j = 0; j < width; j += side) f(n, i, j);
  }
};

/// Bounds of y[n][i][j][f] without a bias, from magnitudes d(n, y, x, c) of the padded input, zero outside, and g(ky,
/// kx, c, f).
template <class Data, class Kernel>
std::vector<double> winograd_bounds(const TiledSizes& s, Data d, Kernel g) {
  const WinogradLines lines = winograd_lines(s.side, s.stride);
  std::vector<Square> kernels, inputs(static_cast<size_t>(s.channels));
  for (int64_t f = 0; f < s.filters; ++f)
    for (int64_t c = 0; c < s.channels; ++c)
      kernels.push_back(transformed(lines.kernel, [&](int64_t y, int64_t x) { return g(y, x, c, f); }));
  std::vector<double> bounds(static_cast<size_t>(s.batch * s.height * s.width * s.filters));
  s.for_tiles([&](int64_t n, int64_t i, int64_t j) {
    for (int64_t c = 0; c < s.channels; ++c)
      inputs[static_cast<size_t>(c)] =
          transformed(lines.input, [&](int64_t y, int64_t x) { return d(n, i * s.stride + y, j * s.stride + x, c); });
    for (int64_t f = 0; f < s.filters; ++f) {
      Square products{};
      const Square* kernel = kernels.data() + f * s.channels;
      for (size_t c = 0; c < inputs.size(); ++c)
        for (size_t k = 0; k < products.size(); ++k) products[k] += inputs[c][k] * kernel[c][k];
      for (int64_t y = 0; y < s.side && i + y < s.height; ++y)
        for (int64_t x = 0; x < s.side && j + x < s.width; ++x) {
          const double sum = transformed_back(lines.output, static_cast<size_t>(y), static_cast<size_t>(x), products);
          const int64_t at = ((n * s.height + i + y) * s.width + j + x) * s.filters + f;
          bounds[static_cast<size_t>(at)] =
              (static_cast<double>(s.channels) + winograd_roundings(s.side)) * kUnit * sum;
        }
    }
  });
  return bounds;
}

/// Bounds of dkernel[ky][kx][c][f], from magnitudes of the padded input and e(n, i, j, f) of the output's gradient,
/// zero outside.
template <class Data, class Gradient>
std::vector<double> winograd_kernel_bounds(const TiledSizes& s, Data d, Gradient e) {
  const WinogradLines lines = winograd_lines(s.side);
  std::vector<Square> sums(static_cast<size_t>(s.channels * s.filters)), gradients(static_cast<size_t>(s.filters));
  int64_t tiles = 0;
  s.for_tiles([&](int64_t n, int64_t i, int64_t j) {
    ++tiles;
    for (int64_t f = 0; f < s.filters; ++f)
      gradients[static_cast<size_t>(f)] =
          transformed(lines.gradient, [&](int64_t y, int64_t x) { return e(n, i + y, j + x, f); });
    for (int64_t c = 0; c < s.channels; ++c) {
      const Square input = transformed(lines.input, [&](int64_t y, int64_t x) { return d(n, i + y, j + x, c); });
      for (size_t f = 0; f < gradients.size(); ++f)
        for (size_t k = 0; k < input.size(); ++k)
          sums[static_cast<size_t>(c * s.filters) + f][k] += input[k] * gradients[f][k];
    }
  });
  std::vector<double> bounds;
  for (size_t tap = 0; tap < 9; ++tap)
    for (const Square& square : sums)
      bounds.push_back((static_cast<double>(tiles) + winograd_roundings(s.side)) * kUnit *
                       transformed_back(lines.taps, tap / 3, tap % 3, square));
  return bounds;
}

}  // namespace testing
