// The rounding of operands of products in reduced precision.
#pragma once

#include "cnncore/conv2d.h"
#include "cnncore/dense.h"
#include "kernels/kernels.h"

namespace cnncore {

/// The precision in which a layer computes. It is float32 if the layer is too small for a reduced precision. It depends
/// on the shape of the layer only, so that a model computes the same on every machine.
Precision used_precision(const Conv2dParams& params);
Precision used_precision(const DenseParams& params);

/// y is x, rounded as an operand of a product in this precision. x and y may be the same array.
inline void round_operand(const Kernels& k, Precision precision, const float* x, float* y, int64_t size) {
  k.round_bfloat16(x, y, size, precision == Precision::bfloat16 ? 1 : 2);
}

}  // namespace cnncore
