// The kernels for scalar: compiled with that ISA's flags, everything in an unnamed namespace, no library headers
// (an inline function compiled here could be the copy that the linker keeps for machines without this ISA).

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define CNNCORE_ISA_NAME "scalar"

namespace cnncore {
namespace {
#include "kernels/simd_scalar.h"
#include "kernels/kernels.inl.h"
}  // namespace

const Kernels& kernels_scalar() { return kTable; }

}  // namespace cnncore
