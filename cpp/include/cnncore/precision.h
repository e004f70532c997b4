// The arithmetic of products: how exactly conv2d and dense take their operands.
#pragma once

#include <string_view>

namespace cnncore {

/// Operands of a product - inputs, kernels, and the gradients that flow back - as they enter it; sums, biases, results,
/// stored weights and optimizers are float32 in every mode. The errors below come on top of float32's own.
///   float32      as they are.
///   bfloat16_3x  as the sum of two bfloat16 values, 16 bits of mantissa: |error| <= 5e-5 sum |a| |b|.
///   bfloat16     as one bfloat16 value, 8 bits of mantissa:               |error| <= 8e-3 sum |a| |b|.
/// Layers with few channels stay in float32, whatever is asked: convolutions with groups or with fewer than 16 input
/// channels or filters, and dense layers with fewer than 32 features or 16 units.
enum class Precision { float32, bfloat16_3x, bfloat16 };

/// "float32", "bfloat16_3x", "bfloat16"; throws std::invalid_argument for another name.
Precision parse_precision(std::string_view name);
const char* to_string(Precision precision);

}  // namespace cnncore
