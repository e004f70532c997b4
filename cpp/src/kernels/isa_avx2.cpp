// The kernels for AVX2. This file is compiled with the flags of that instruction set, so everything is in an unnamed
// namespace, and no headers of the library are included: the linker could keep an inline function that is compiled
// here, and call it on machines that do not have these instructions.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

#define CNNCORE_ISA_NAME "avx2"

namespace cnncore {
namespace {
#include "kernels/simd_avx2.h"
#include "kernels/kernels.inl.h"
}  // namespace

const Kernels& kernels_avx2() noexcept { return kTable; }

}  // namespace cnncore
