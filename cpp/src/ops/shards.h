// How a batch is cut into shards, whose partial sums are added in a fixed order. The cut depends on the problem only,
// and never on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cnncore {

struct Shards {
  /// The smallest number of samples in a shard. With fewer, the products of dense layers would become so slow that more
  /// threads could not make up for it.
  static constexpr int64_t kLeast = 8;
  /// The number of shards of a large batch, which is enough work for as many cores.
  static constexpr int64_t kCount = 64;
  /// The partial sums of all shards together take at most kPartialFloats floats, unless that would mean fewer than
  /// kFewest shards.
  static constexpr int64_t kPartialFloats = int64_t{8} << 20, kFewest = 8;

  /// Makes at most kCount shards of at least kLeast samples. `partial_floats` is the number of floats of the partial
  /// sums of one shard.
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
