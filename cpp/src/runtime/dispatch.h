// The kernels of the instruction set in use.
#pragma once

#include "kernels/kernels.h"

namespace cnncore {

const Kernels& kernels();

}  // namespace cnncore
