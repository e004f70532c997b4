// The value of one output element of every op, computed from its definition in double precision. Results of benchmarks
// are checked against it. Each function takes the flat index of the element. It also reports the terms of its sum, from
// which the tolerance follows.
#pragma once

#include <cmath>
#include <cstdint>

#include "cnncore/conv2d.h"
#include "cnncore/dense.h"
#include "cnncore/pool2d.h"

namespace cnncore::bench {

struct Sum {
  double value = 0.0, squares = 0.0;
  int64_t terms = 0;

  void add(double a, double b = 1.0) {
    value += a * b;
    squares += a * b * a * b;
    ++terms;
  }
  /// How far a float32 sum of terms of either sign may be from the exact one. Its rounding errors are a random walk of
  /// as many steps as terms, each 2^-24 of a partial sum of about sqrt(squares). Operands that are rounded first add
  /// their relative error `unit`. The tolerance is eight times the expected error, which chance does not reach.
  double tolerance(double unit = 0.0) const {
    return 8.0 * std::sqrt(squares) * (std::sqrt(static_cast<double>(terms)) * 0x1p-24 + unit);
  }
};

/// Splits a flat index into coordinates, the last one fastest.
template <int Rank>
struct Position {
  int64_t at[Rank];
  Position(int64_t index, const int64_t (&sizes)[Rank]) {
    for (int i = Rank - 1; i >= 0; --i) at[i] = index % sizes[i], index /= sizes[i];
  }
  int64_t operator[](int i) const { return at[i]; }
};

// Names as in conv2d.h: n sample, i j output pixel, y x input pixel, c channel, f filter, ky kx tap.
class Conv2dReference {
 public:
  Conv2dReference(const Conv2dParams& params, int64_t batch)
      : p_(params),
        batch_(batch),
        out_(conv2d_output_shape(params)),
        channels_(params.in_channels / params.groups),
        filters_(params.filters / params.groups) {}

  Sum forward(int64_t index, const float* x, const float* kernel, const float* bias) const {
    const Position<4> o(index, {batch_, out_[0], out_[1], p_.filters});
    Sum sum;
    sum.add(bias[o[3]]);
    for_taps([&](int64_t ky, int64_t kx) {
      const int64_t row = o[1] * p_.stride_height + ky - p_.padding.top,
                    column = o[2] * p_.stride_width + kx - p_.padding.left;
      if (row < 0 || row >= p_.in_height || column < 0 || column >= p_.in_width) return;
      for (int64_t c = 0; c < channels_; ++c)
        sum.add(x[in(o[0], row, column, o[3] / filters_ * channels_ + c)], kernel[tap(ky, kx, c, o[3])]);
    });
    return sum;
  }

  Sum dx(int64_t index, const float* kernel, const float* dy) const {
    const Position<4> o(index, {batch_, p_.in_height, p_.in_width, p_.in_channels});
    const int64_t group = o[3] / channels_;
    Sum sum;
    for_taps([&](int64_t ky, int64_t kx) {
      const int64_t row = o[1] - ky + p_.padding.top, column = o[2] - kx + p_.padding.left;
      const int64_t i = row / p_.stride_height, j = column / p_.stride_width;
      if (row < 0 || row % p_.stride_height || i >= out_[0] || column < 0 || column % p_.stride_width || j >= out_[1])
        return;
      for (int64_t f = group * filters_; f < (group + 1) * filters_; ++f)
        sum.add(dy[out(o[0], i, j, f)], kernel[tap(ky, kx, o[3] % channels_, f)]);
    });
    return sum;
  }

  Sum dkernel(int64_t index, const float* x, const float* dy) const {
    const Position<4> o(index, {p_.kernel_height, p_.kernel_width, channels_, p_.filters});
    Sum sum;
    for (int64_t n = 0; n < batch_; ++n)
      for (int64_t i = 0; i < out_[0]; ++i)
        for (int64_t j = 0; j < out_[1]; ++j) {
          const int64_t row = i * p_.stride_height + o[0] - p_.padding.top,
                        column = j * p_.stride_width + o[1] - p_.padding.left;
          if (row < 0 || row >= p_.in_height || column < 0 || column >= p_.in_width) continue;
          sum.add(x[in(n, row, column, o[3] / filters_ * channels_ + o[2])], dy[out(n, i, j, o[3])]);
        }
    return sum;
  }

 private:
  template <class Function>
  void for_taps(Function f) const {
    for (int64_t ky = 0; ky < p_.kernel_height; ++ky)
      for (int64_t kx = 0; kx < p_.kernel_width; ++kx) f(ky, kx);
  }
  int64_t in(int64_t n, int64_t y, int64_t x, int64_t c) const {
    return ((n * p_.in_height + y) * p_.in_width + x) * p_.in_channels + c;
  }
  int64_t out(int64_t n, int64_t i, int64_t j, int64_t f) const {
    return ((n * out_[0] + i) * out_[1] + j) * p_.filters + f;
  }
  int64_t tap(int64_t ky, int64_t kx, int64_t c, int64_t f) const {
    return ((ky * p_.kernel_width + kx) * channels_ + c) * p_.filters + f;
  }

  Conv2dParams p_;
  int64_t batch_;
  Shape out_;
  int64_t channels_, filters_;
};

// Pools without padding, since the table of benchmarks has no others.
class Pool2dReference {
 public:
  Pool2dReference(const Pool2dParams& params, int64_t batch)
      : p_(params), batch_(batch), out_(pool2d_output_shape(params)) {}

  Sum max(int64_t index, const float* x) const {
    const Position<4> o(index, {batch_, out_[0], out_[1], p_.channels});
    Sum sum;
    sum.add(x[first_maximum(o[0], o[1], o[2], o[3], x)]);
    return sum;
  }
  Sum average(int64_t index, const float* x) const {
    const Position<4> o(index, {batch_, out_[0], out_[1], p_.channels});
    Sum sum;
    for_window(o[1], o[2], [&](int64_t row, int64_t column) { sum.add(x[in(o[0], row, column, o[3])], share()); });
    return sum;
  }
  Sum max_backward(int64_t index, const float* x, const float* dy) const {
    return gather(index, dy, [&](const Position<4>& o, int64_t i, int64_t j) {
      return first_maximum(o[0], i, j, o[3], x) == index ? 1.0 : 0.0;
    });
  }
  Sum average_backward(int64_t index, const float* dy) const {
    return gather(index, dy, [&](const Position<4>&, int64_t, int64_t) { return share(); });
  }

 private:
  double share() const { return 1.0 / static_cast<double>(p_.pool_height * p_.pool_width); }
  int64_t in(int64_t n, int64_t y, int64_t x, int64_t c) const {
    return ((n * p_.in_height + y) * p_.in_width + x) * p_.channels + c;
  }
  template <class Function>
  void for_window(int64_t i, int64_t j, Function f) const {
    for (int64_t ky = 0; ky < p_.pool_height; ++ky)
      for (int64_t kx = 0; kx < p_.pool_width; ++kx) f(i * p_.stride_height + ky, j * p_.stride_width + kx);
  }
  int64_t first_maximum(int64_t n, int64_t i, int64_t j, int64_t c, const float* x) const {
    int64_t best = -1;
    for_window(i, j, [&](int64_t row, int64_t column) {
      const int64_t here = in(n, row, column, c);
      if (best < 0 || x[here] > x[best]) best = here;
    });
    return best;
  }
  // Over the windows that hold the input element: dy times its weight in each.
  template <class Weight>
  Sum gather(int64_t index, const float* dy, Weight weight) const {
    const Position<4> o(index, {batch_, p_.in_height, p_.in_width, p_.channels});
    Sum sum;
    for (int64_t i = 0; i < out_[0]; ++i)
      for (int64_t j = 0; j < out_[1]; ++j) {
        const int64_t ky = o[1] - i * p_.stride_height, kx = o[2] - j * p_.stride_width;
        if (ky < 0 || ky >= p_.pool_height || kx < 0 || kx >= p_.pool_width) continue;
        sum.add(dy[((o[0] * out_[0] + i) * out_[1] + j) * p_.channels + o[3]], weight(o, i, j));
      }
    return sum;
  }

  Pool2dParams p_;
  int64_t batch_;
  Shape out_;
};

}  // namespace cnncore::bench
