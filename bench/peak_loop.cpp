// Nothing but multiply-adds in registers: CMake compiles this file once per ISA, with that ISA's flags and with its own
// name in CNNCORE_PEAK_LOOP. The vectors are the widest that the flags allow; -ffp-contract=fast makes the product and
// the sum one instruction where the ISA has it.
#include <cstdint>

#include "kernels/unroll.h"

namespace cnncore::bench {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
using Vec = float __attribute__((vector_size(4 * kWidth)));
constexpr int kSums = 12;  // two units of latency 4 need eight in flight

/// Does `iterations` rounds, keeps their sum from being optimised away, and returns the operations of one round.
int64_t CNNCORE_PEAK_LOOP(int64_t iterations, float* sink) {
  Vec sum[kSums];
  for (int j = 0; j < kSums; ++j) sum[j] = Vec{} + static_cast<float>(j);
  const Vec a = Vec{} + 0.5f, b = Vec{} + *sink;
  for (int64_t i = 0; i < iterations; ++i) {
    CNNCORE_UNROLL
    for (int j = 0; j < kSums; ++j) sum[j] = sum[j] * a + b;
  }
  for (int j = 1; j < kSums; ++j) sum[0] += sum[j];
  *sink = sum[0][0];
  return 2 * kSums * kWidth;
}

}  // namespace cnncore::bench
