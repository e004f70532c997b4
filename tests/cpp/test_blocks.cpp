// Blocks of memory: they are given back and taken again.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <thread>
#include <vector>

#include "runtime/blocks.h"

using namespace cnncore;

namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

}  // namespace

TEST_CASE("blocks are aligned to a cache line, whatever their size") {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{63}, size_t{65}, size_t{65536}, size_t{65537}, kMegabyte + 1}) {
    void* const block = take_block(size);
    CHECK(reinterpret_cast<uintptr_t>(block) % kAlignment == 0);
    std::memset(block, 1, size);
    give_block(block, size);
  }
}

TEST_CASE("a large block that was given back is the next one of its size, and nobody else's") {
  void* const first = take_block(3 * kMegabyte);
  void* const second = take_block(3 * kMegabyte);
  CHECK(first != second);
  give_block(first, 3 * kMegabyte);
  void* const other = take_block(5 * kMegabyte);
  CHECK(other != first);
  CHECK(take_block(3 * kMegabyte - 1) == first);  // rounded to the same size
  void* const third = take_block(3 * kMegabyte);
  CHECK((third != first && third != second));
  for (void* block : {first, second, third}) give_block(block, 3 * kMegabyte);
  give_block(other, 5 * kMegabyte);
}

TEST_CASE("no more than 64 MB are kept: the oldest go first") {
  std::vector<void*> blocks(9);
  for (void*& block : blocks) block = take_block(8 * kMegabyte);
  for (void* block : blocks) give_block(block, 8 * kMegabyte);
  // the latest eight come back, the latest first
  for (size_t i = 9; i-- > 1;) CHECK(take_block(8 * kMegabyte) == blocks[i]);
  for (size_t i = 1; i < 9; ++i) give_block(blocks[i], 8 * kMegabyte);
  give_block(take_block(65 * kMegabyte), 65 * kMegabyte);  // too large to be kept
}

TEST_CASE("what does not fit memory is refused") {
  CHECK_THROWS_AS(take_block(std::numeric_limits<size_t>::max() - 10), std::bad_alloc);
}

TEST_CASE("threads never hold the same block") {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 500; ++i) {
        const size_t size = (static_cast<size_t>(i) % 3 + 1) * 65536;
        auto* const bytes = static_cast<unsigned char*>(take_block(size));
        std::memset(bytes, t, size);
        wrong[static_cast<size_t>(t)] += std::any_of(bytes, bytes + size, [t](unsigned char b) { return b != t; });
        give_block(bytes, size);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(std::all_of(wrong.begin(), wrong.end(), [](int n) { return n == 0; }));
}
