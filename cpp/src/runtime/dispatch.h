// The kernels of the instruction set in use.
#pragma once

#include "kernels/kernels.h"

namespace cnncore {

const Kernels& kernels();

/// Kernels for products of so few columns (filters, or channels) that more than half of a 512-bit vector would be
/// empty: those of 256 bits, which sum in the same order. Where there are none, k itself.
const Kernels& kernels_for_columns(const Kernels& k, int64_t columns);

}  // namespace cnncore
