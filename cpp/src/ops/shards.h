// How a batch is cut into pieces whose partial sums are added in order: by the problem alone, never by the number of
// threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cnncore {

struct Shards {
  /// Samples in a shard. Fewer than eight would make the products of dense layers slower than more threads make up for.
  static constexpr int64_t kLeast = 8;
  /// Shards of a large batch: work for as many cores.
  static constexpr int64_t kCount = 64;
  /// Floats that the partial sums of all shards may take together, where that still leaves kFewest shards.
  static constexpr int64_t kPartialFloats = int64_t{8} << 20, kFewest = 8;

  /// Up to kCount shards of at least kLeast samples. `partial_floats` is what the partial sums of one shard take.
  explicit Shards(int64_t batch_size, int64_t partial_floats = 0)
      : batch(batch_size),
        size(std::max(divided(batch_size, most(partial_floats)), kLeast)),
        count(std::max<int64_t>(1, divided(batch, size))) {}
  int64_t begin(int64_t shard) const { return shard * size; }
  int64_t end(int64_t shard) const { return std::min(batch, (shard + 1) * size); }

  int64_t batch, size, count;

 private:
  static int64_t divided(int64_t a, int64_t b) { return (a + b - 1) / b; }
  static int64_t most(int64_t partial_floats) {
    return std::clamp(kPartialFloats / std::max<int64_t>(partial_floats, 1), kFewest, kCount);
  }
};

}  // namespace cnncore
