// Contracts of element-wise operations: merging inputs, PReLU, interpolation, dropout and noise. contracts.h explains
// what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// An operand of an element-wise operation over rows x cols: its value at (r, c) is data[r * row + c * step]. If step
/// is 0, one value is repeated along the row. If row is 0, one row is repeated for all rows.
struct Operand {
  const float* data;
  int64_t row;
  int64_t step;  // 0 or 1
};

/// y[r * y_row + c] = a op b. A maximum (minimum) is a, unless b is larger (smaller) or NaN.
enum class MergeOp { add, subtract, multiply, maximum, minimum };
struct MergeArgs {
  Operand a, b;
  int64_t rows, cols;
  float* y;
  int64_t y_row;
};

/// The gradient t (rows x cols) of a maximum (minimum) goes to the first of the largest (smallest) inputs. This sets t
/// to zero where input `own` is not chosen: where an `other` input before it is as large (small), or an `other` input
/// after it is larger (smaller).
struct MergeKeepArgs {
  Operand own, other;
  bool other_is_first, minimum;
  int64_t rows, cols;
  float* t;
};

/// dx[r * row + c * step] += scale * t[r * t_row + c], summed over repeated rows or columns. If nothing is repeated and
/// `accumulate` is false, dx is overwritten.
struct MergeReduceArgs {
  const float* t;
  int64_t t_row;
  int64_t rows, cols;
  float scale;
  float* dx;
  int64_t row, step;
  bool accumulate;
};

/// y = x where x > 0, otherwise alpha * x. Backward: dx = dy where x > 0, otherwise alpha * dy; and t = 0 where x > 0,
/// otherwise x * dy, whose sum is the gradient of alpha. x, y, dy, dx and t are rows x cols.
struct PreluArgs {
  const float* x;
  Operand alpha;
  int64_t rows, cols;
  float* y;
};
struct PreluBackwardArgs {
  const float* x;
  Operand alpha;
  const float* dy;
  int64_t rows, cols;
  float* dx;  // skipped if null
  float* t;   // skipped if null
};

/// Interpolation between rows and columns of an image. Output row i is between the input rows at the offsets low[i] and
/// high[i], and weight[i] is the share of the second one; columns likewise.
///   y[i, j, n] = sum over the four corners of weight * x[row offset + column offset + n]      n < channels
/// Backward adds to dx.
struct InterpolatedAxis {
  const int64_t* low;
  const int64_t* high;
  const float* weight;
  int64_t count;
};
struct BilinearArgs {
  InterpolatedAxis rows, cols;
  int64_t channels;
};

/// Element i < size is multiplied by `scale` if the upper half of draw(key, first + i) is at least `threshold`, and
/// otherwise zero. draw(key, i) = mix(key + 0x9e3779b97f4a7c15 * i), where mix(z) is the last part of SplitMix64:
///   z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
///   z = (z ^ (z >> 27)) * 0x94d049bb133111eb
///   z = z ^ (z >> 31)
struct DropoutArgs {
  uint64_t key;
  int64_t first, size;
  uint32_t threshold;
  float scale;
};

/// y[i] = x[i] + stddev * n(draw(key, i)), where n turns a draw into a normally distributed number.
struct GaussianArgs {
  uint64_t key;
  int64_t size;
  float stddev;
};

}  // namespace cnncore
