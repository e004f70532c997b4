// The kernels for the plain instruction set ("scalar"). This file is compiled with the flags of that instruction set,
// so everything is in an unnamed namespace, and no headers of the library are included: the linker could keep an inline
// function that is compiled here, and call it on machines that do not have these instructions.

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
