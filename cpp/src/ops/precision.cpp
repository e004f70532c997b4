#include "cnncore/precision.h"

#include <array>

#include "ops/rounding.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

constexpr std::array kPrecisionNames = {"float32", "bfloat16_3x", "bfloat16"};

}  // namespace

Precision parse_precision(std::string_view name) {
  for (size_t i = 0; i < kPrecisionNames.size(); ++i)
    if (name == kPrecisionNames[i]) return static_cast<Precision>(i);
  fail("[precision] expected one of float32, bfloat16_3x, bfloat16. Received: '", name, "'");
}

const char* to_string(Precision precision) { return kPrecisionNames[static_cast<size_t>(precision)]; }

Precision used_precision(const Conv2dParams& p) {
  return p.groups == 1 && p.in_channels >= 16 && p.filters >= 16 ? p.precision : Precision::float32;
}

Precision used_precision(const DenseParams& p) {
  return p.features >= 32 && p.units >= 16 ? p.precision : Precision::float32;
}

}  // namespace cnncore
