// The kernels for avx2: compiled with that ISA's flags, everything in an unnamed namespace, no library headers
// (an inline function compiled here could be the copy that the linker keeps for machines without this ISA).
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
