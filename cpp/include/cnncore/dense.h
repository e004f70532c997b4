// Fully connected layer.
#pragma once

#include "cnncore/precision.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// x (batch, features), kernel (features, units), bias (units), y (batch, units).
struct DenseParams {
  int64_t features = 0, units = 0;
  Precision precision = Precision::float32;
};

/// y = x kernel + bias. bias may be null.
void dense(const DenseParams& params, int64_t batch, const float* x, const float* kernel, const float* bias, float* y);

/// dx = dy kernel^T, dkernel = x^T dy, dbias = column sums of dy. Each is skipped if it is null.
void dense_backward(const DenseParams& params, int64_t batch, const float* x, const float* kernel, const float* dy,
                    float* dx, float* dkernel, float* dbias);

}  // namespace cnncore
