// The kernels for NEON. This file is compiled with the flags of that instruction set, so everything is in an unnamed
// namespace, and no headers of the library are included: the linker could keep an inline function that is compiled
// here, and call it on machines that do not have these instructions.
#include <arm_neon.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define CNNCORE_ISA_NAME "neon"

namespace cnncore {
namespace {
#include "kernels/simd_neon.h"
#include "kernels/kernels.inl.h"
}  // namespace

const Kernels& kernels_neon() noexcept { return kTable; }

}  // namespace cnncore
