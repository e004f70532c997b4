// The kernels of the instruction set in use.
#pragma once

#include "kernels/kernels.h"

namespace cnncore {

const Kernels& kernels();

/// The kernels for products with so few columns (filters or channels) that more than half of a 512-bit vector would be
/// empty. They are those for 256-bit vectors, which sum in the same order. If there are none, they are k itself.
const Kernels& kernels_for_columns(const Kernels& k, int64_t columns);

}  // namespace cnncore
