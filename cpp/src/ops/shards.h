// How a batch is cut into pieces whose partial sums are added in order: by the batch alone, never by the number of
// threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cnncore {

struct Shards {
  static constexpr int64_t kLeast = 8, kMost = 64, kCount = 8;

  /// Eight shards of 8 to 64 samples; a larger batch has more of them.
  explicit Shards(int64_t batch_size)
      : batch(batch_size),
        size(std::clamp((batch_size + kCount - 1) / kCount, kLeast, kMost)),
        count(std::max<int64_t>(1, (batch + size - 1) / size)) {}
  int64_t begin(int64_t shard) const { return shard * size; }
  int64_t end(int64_t shard) const { return std::min(batch, (shard + 1) * size); }

  int64_t batch, size, count;
};

}  // namespace cnncore
