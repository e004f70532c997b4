// The precision of products: how conv2d and dense round their operands.
#pragma once

#include <string_view>

namespace cnncore {

/// How the operands of a product are rounded: inputs, kernels, and the gradients that flow back. Sums, biases, results,
/// stored weights and optimizers are float32 in every mode. The errors below are added to those of float32.
///   float32      as they are.
///   bfloat16_3x  as the sum of two bfloat16 values, 16 bits of mantissa: |error| <= 5e-5 sum |a| |b|.
///   bfloat16     as one bfloat16 value, 8 bits of mantissa:               |error| <= 8e-3 sum |a| |b|.
/// Layers with few channels compute in float32 in every mode: convolutions with groups or with fewer than 16 input
/// channels or filters, and dense layers with fewer than 32 features or 16 units.
enum class Precision { float32, bfloat16_3x, bfloat16 };

/// "float32", "bfloat16_3x", "bfloat16"; throws std::invalid_argument for another name.
Precision parse_precision(std::string_view name);
const char* to_string(Precision precision);

}  // namespace cnncore
