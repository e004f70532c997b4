// Bounds of the float32 error of Winograd's algorithms: the sums of the magnitudes of all terms, times the number of
// roundings that a term goes through.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "arrays.h"

namespace testing {

using Square = std::array<double, 16>;

// |B^T| d |B| of a 4x4 tile, |G| g |G^T| of a 3x3 kernel, and |G| e |G^T| of a 2x2 gradient.
constexpr double kInputLines[4][4] = {{1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 1}};
constexpr double kKernelLines[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, {0, 0, 1}};
constexpr double kGradientLines[4][2] = {{1, 0}, {0.5, 0.5}, {0.5, 0.5}, {0, 1}};

template <int N, class Values>  // values(row, column) are magnitudes
Square transformed(const double (&lines)[4][N], Values values) {
  Square square{};
  for (int y = 0; y < N; ++y)
    for (int x = 0; x < N; ++x)
      for (size_t i = 0; i < 16; ++i) square[i] += lines[i / 4][y] * lines[i % 4][x] * values(y, x);
  return square;
}

/// The sizes of a 3x3 convolution whose output is cut into 2x2 tiles, beginning at its first pixel.
struct TiledSizes {
  int64_t batch, height, width, channels, filters;  // height and width of the output

  template <class Function>
  void for_tiles(Function f) const {
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t i = 0; i < height; i += 2)
        for (int64_t j = 0; j < width; j += 2) f(n, i, j);
  }
};

/// Returns bounds of y[n][i][j][f] without its bias. d(n, y, x, c) are the magnitudes of the padded input, zero outside
/// it; g(ky, kx, c, f) are those of the kernel. The roundings are 2 in B^T d B, 4 in G g G^T, 1 of the product, those
/// of the sum over the channels, 4 in A^T m A, and 1 for a bias.
template <class Data, class Kernel>
std::vector<double> winograd_bounds(const TiledSizes& s, Data d, Kernel g) {
  constexpr double kLines[2][4] = {{1, 1, 1, 0}, {0, 1, 1, 1}};
  std::vector<Square> kernels, inputs(static_cast<size_t>(s.channels));
  for (int64_t f = 0; f < s.filters; ++f)
    for (int64_t c = 0; c < s.channels; ++c)
      kernels.push_back(transformed(kKernelLines, [&](int64_t y, int64_t x) { return g(y, x, c, f); }));
  std::vector<double> bounds(static_cast<size_t>(s.batch * s.height * s.width * s.filters));
  s.for_tiles([&](int64_t n, int64_t i, int64_t j) {
    for (int64_t c = 0; c < s.channels; ++c)
      inputs[static_cast<size_t>(c)] =
          transformed(kInputLines, [&](int64_t y, int64_t x) { return d(n, i + y, j + x, c); });
    for (int64_t f = 0; f < s.filters; ++f) {
      Square products{};
      const Square* kernel = kernels.data() + f * s.channels;
      for (size_t c = 0; c < inputs.size(); ++c)
        for (size_t k = 0; k < 16; ++k) products[k] += inputs[c][k] * kernel[c][k];
      for (int64_t y = 0; y < 2 && i + y < s.height; ++y)
        for (int64_t x = 0; x < 2 && j + x < s.width; ++x) {
          double sum = 0;
          for (size_t k = 0; k < 16; ++k) sum += kLines[y][k / 4] * kLines[x][k % 4] * products[k];
          const int64_t at = ((n * s.height + i + y) * s.width + j + x) * s.filters + f;
          bounds[static_cast<size_t>(at)] = static_cast<double>(s.channels + 12) * kUnit * sum;
        }
    }
  });
  return bounds;
}

/// Returns bounds of dkernel[ky][kx][c][f]. d(n, y, x, c) are the magnitudes of the padded input and e(n, i, j, f)
/// those of the gradient of the output, both zero outside. The roundings are 2 in B^T d B, 2 in G e G^T, 1 of the
/// product, those of the sum over the tiles, 4 in A^T m A, and 1 for the value that is added to.
template <class Data, class Gradient>
std::vector<double> winograd_kernel_bounds(const TiledSizes& s, Data d, Gradient e) {
  constexpr double kLines[3][4] = {{1, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 1}};
  std::vector<Square> sums(static_cast<size_t>(s.channels * s.filters)), gradients(static_cast<size_t>(s.filters));
  int64_t tiles = 0;
  s.for_tiles([&](int64_t n, int64_t i, int64_t j) {
    ++tiles;
    for (int64_t f = 0; f < s.filters; ++f)
      gradients[static_cast<size_t>(f)] =
          transformed(kGradientLines, [&](int64_t y, int64_t x) { return e(n, i + y, j + x, f); });
    for (int64_t c = 0; c < s.channels; ++c) {
      const Square input = transformed(kInputLines, [&](int64_t y, int64_t x) { return d(n, i + y, j + x, c); });
      for (size_t f = 0; f < gradients.size(); ++f)
        for (size_t k = 0; k < 16; ++k) sums[static_cast<size_t>(c * s.filters) + f][k] += input[k] * gradients[f][k];
    }
  });
  std::vector<double> bounds;
  for (size_t tap = 0; tap < 9; ++tap)
    for (const Square& square : sums) {
      double sum = 0;
      for (size_t k = 0; k < 16; ++k) sum += kLines[tap / 3][k / 4] * kLines[tap % 3][k % 4] * square[k];
      bounds.push_back(static_cast<double>(tiles + 10) * kUnit * sum);
    }
  return bounds;
}

}  // namespace testing
