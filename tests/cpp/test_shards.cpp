// How a batch is cut: by its size and by the memory of partial sums, for up to 64 cores.
#include <doctest/doctest.h>

#include "ops/shards.h"

namespace cnncore {
namespace {

TEST_CASE("shards cover the batch in order") {
  for (const int64_t batch : {1, 7, 8, 9, 32, 100, 128, 511, 512, 1000, 4096, 5000, 60000}) {
    const Shards shards(batch);
    int64_t next = 0;
    for (int64_t s = 0; s < shards.count; ++s) {
      CHECK(shards.begin(s) == next);
      CHECK(shards.end(s) > next);
      next = shards.end(s);
    }
    CHECK(next == batch);
  }
}

TEST_CASE("there is work for many cores") {
  CHECK(Shards(32).count == 4);
  CHECK(Shards(128).count == 16);
  CHECK(Shards(512).count == 64);
  CHECK(Shards(2048).count == 64);
  CHECK(Shards(60000).count == 64);
}

TEST_CASE("partial sums of large kernels take bounded memory") {
  constexpr int64_t kLarge = 1 << 20;
  const Shards shards(512, kLarge);
  CHECK(shards.count * kLarge <= Shards::kPartialFloats);
  CHECK(Shards(60000, 1000 * kLarge).count == Shards::kFewest);
}

}  // namespace
}  // namespace cnncore
