// Operands of products as a precision wants them.
#pragma once

#include "cnncore/conv2d.h"
#include "cnncore/dense.h"
#include "kernels/kernels.h"

namespace cnncore {

/// What a layer computes in: float32 where it is too small for anything else. By its shape alone, so that a model
/// computes the same everywhere.
Precision used_precision(const Conv2dParams& params);
Precision used_precision(const DenseParams& params);

/// y = x as products in this precision see it; y may be x.
inline void round_operand(const Kernels& k, Precision precision, const float* x, float* y, int64_t size) {
  k.round_bfloat16(x, y, size, precision == Precision::bfloat16 ? 1 : 2);
}

}  // namespace cnncore
