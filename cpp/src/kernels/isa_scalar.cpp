// The kernels for scalar: compiled with that ISA's flags, everything in an unnamed namespace, no library headers
// (an inline function compiled here could be the copy that the linker keeps for machines without this ISA).

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define CNNCORE_ISA_NAME "scalar"
#define CNNCORE_TILE_PRODUCT tile_product
#define CNNCORE_TILE_GAIN 16.0  // it is not fast, but with this number plans choose the same algorithms as with AMX

namespace cnncore {
namespace {
#include "kernels/simd_scalar.h"
#include "kernels/tile_product_scalar.inl.h"
#include "kernels/kernels.inl.h"
}  // namespace

const Kernels& kernels_scalar() noexcept { return kTable; }

}  // namespace cnncore
