// Unroll the loop that follows completely: blocks of registers are arrays indexed by constants.
#pragma once
#if defined(__clang__)
#define CNNCORE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CNNCORE_UNROLL _Pragma("GCC unroll 32")
#endif
