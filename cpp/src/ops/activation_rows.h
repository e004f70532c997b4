// Activations over rows on the calling thread; softmax is taken over each row.
#pragma once

#include "kernels/kernels.h"

namespace cnncore {

inline void activation_rows(const Kernels& k, Activation kind, int64_t rows, int64_t cols, const float* x, float* y) {
  if (kind == Activation::softmax)
    k.softmax_rows(x, y, rows, cols);
  else if (kind != Activation::linear || x != y)
    k.activation(kind, x, y, rows * cols);
}

inline void activation_rows_backward(const Kernels& k, Activation kind, int64_t rows, int64_t cols, const float* y,
                                     const float* dy, float* dx) {
  if (kind == Activation::softmax)
    k.softmax_rows_backward(y, dy, dx, rows, cols);
  else if (kind != Activation::linear)
    k.activation_backward(kind, y, dy, dx, rows * cols);
  else if (dy != dx)
    k.activation(kind, dy, dx, rows * cols);  // a copy; y is not read and may be null
}

}  // namespace cnncore
