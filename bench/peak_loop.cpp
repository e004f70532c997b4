// A loop of multiply-adds in registers, and nothing else. CMake compiles this file once for each instruction set, with
// the flags of that set and with a name of its own in CNNCORE_PEAK_LOOP. The vectors are the widest that the flags
// allow. -ffp-contract=fast joins the product and the sum in one instruction if the set has one.
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
constexpr int kSums = 12;  // two units that take four cycles need eight independent sums to stay busy

/// Does `iterations` rounds, uses their sum so that the compiler cannot leave them out, and returns the number of
/// operations of one round.
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
