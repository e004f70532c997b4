// The fully connected layer.
#pragma once

#include "cnncore/precision.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// The sizes of a dense layer. The arrays have the shapes x (batch, features), kernel (features, units), bias (units),
/// y (batch, units).
struct DenseParams {
  int64_t features = 0, units = 0;
  Precision precision = Precision::float32;
};

/// Computes y = x kernel + bias. bias may be null.
void dense(const DenseParams& params, int64_t batch, const float* x, const float* kernel, const float* bias, float* y);

/// Computes dx = dy kernel^T, dkernel = x^T dy and dbias, the sums of the columns of dy. Gradients whose pointers are
/// null are not computed.
void dense_backward(const DenseParams& params, int64_t batch, const float* x, const float* kernel, const float* dy,
                    float* dx, float* dkernel, float* dbias);

}  // namespace cnncore
