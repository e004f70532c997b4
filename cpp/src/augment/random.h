// Random numbers that depend only on the seed, the step, the sample and the index, so that any thread can compute any
// of them. Each sample has its own stream of the generator SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014).
#pragma once

#include <cstdint>

namespace cnncore {

inline uint64_t mix_bits(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

class SampleStream {
 public:
  SampleStream(uint64_t seed, uint64_t step, uint64_t sample)
      : state_(mix_bits(mix_bits(mix_bits(seed + kGolden) ^ (step + 1) * kGolden) ^ (sample + 1) * kGolden)) {}

  uint64_t next() { return mix_bits(state_ += kGolden); }
  /// Returns a number in [0, 1), with 24 random bits.
  float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24f; }

 private:
  static constexpr uint64_t kGolden = 0x9E3779B97F4A7C15u;
  uint64_t state_;
};

}  // namespace cnncore
