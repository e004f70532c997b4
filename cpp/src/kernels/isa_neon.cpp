// The kernels for neon: compiled with that ISA's flags, everything in an unnamed namespace, no library headers
// (an inline function compiled here could be the copy that the linker keeps for machines without this ISA).
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
