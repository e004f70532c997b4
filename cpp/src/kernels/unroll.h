// CNNCORE_UNROLL unrolls the loop that follows it completely. Kernels hold blocks of registers in small arrays, and an
// array stays in registers only if all of its indices are constants.
#pragma once
#if defined(__clang__)
#define CNNCORE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CNNCORE_UNROLL _Pragma("GCC unroll 32")
#endif
