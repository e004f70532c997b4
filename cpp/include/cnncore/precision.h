// The precision of the products in convolutions and dense layers.
#pragma once

#include <string_view>

namespace cnncore {

/// How the operands of products are rounded: inputs, kernels, and gradients of outputs. Sums, biases, results, stored
/// weights and optimizers are float32 in every mode. The error of a sum of products a * b, compared with float32, is at
/// most:
///   float32      0: operands are not rounded.
///   bfloat16_3x  5e-5 sum |a| |b|: operands become the sum of two bfloat16 numbers, with 16 bits of mantissa.
///   bfloat16     8e-3 sum |a| |b|: operands become one bfloat16 number, with 8 bits of mantissa.
/// Layers with few channels compute in float32 in every mode: convolutions with groups or with fewer than 16 input
/// channels or filters, and dense layers with fewer than 32 features or 16 units.
enum class Precision { float32, bfloat16_3x, bfloat16 };

/// Returns the precision with the name "float32", "bfloat16_3x" or "bfloat16". Throws std::invalid_argument for another
/// name.
Precision parse_precision(std::string_view name);
const char* to_string(Precision precision);

}  // namespace cnncore
