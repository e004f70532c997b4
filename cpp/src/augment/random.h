// Numbers that are a function of (seed, step, sample, index), so that any thread can draw any of them: SplitMix64
// (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014), one stream per sample.
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
  /// In [0, 1), with 24 bits.
  float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24f; }

 private:
  static constexpr uint64_t kGolden = 0x9E3779B97F4A7C15u;
  uint64_t state_;
};

}  // namespace cnncore
