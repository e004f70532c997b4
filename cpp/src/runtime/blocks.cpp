#include "runtime/blocks.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace cnncore {
namespace {

constexpr size_t kLargeBlock = size_t{64} << 10;  // for smaller blocks the allocator keeps pages itself
constexpr size_t kMostKept = size_t{64} << 20;
// Large blocks are put into pages of 2 MB. A training step goes through its memory again and again, and with large
// pages the processor can look up the addresses without waiting.
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kHuge = 2 * kHugePage;

struct Block {
  void* data;
  size_t size;
};

// This object is never destroyed, because arrays may exist longer than any static object.
struct Kept {
  std::mutex mutex;
  std::vector<Block> blocks;  // the last one was given back last, and is the most likely one to be in a cache
  size_t size = 0;
};
Kept& kept() {
  static Kept* const instance = new Kept;
  return *instance;
}

// Sizes are rounded, so that arrays of similar sizes can use the same blocks.
size_t capacity(size_t bytes) {
  const size_t step = bytes < kLargeBlock ? kAlignment : bytes < kHuge ? kLargeBlock : kHugePage;
  if (bytes > SIZE_MAX - step) throw std::bad_alloc();
  return bytes == 0 ? step : (bytes + step - 1) / step * step;
}

void* new_block(size_t size) {
  void* const data = std::aligned_alloc(size < kHuge ? kAlignment : kHugePage, size);
  if (!data) throw std::bad_alloc();
#ifdef __linux__
  if (size >= kHuge)
    madvise(data, size, MADV_HUGEPAGE);  // this is only a request; if it is refused, the pages are small
#endif
  return data;
}

}  // namespace

void* take_block(size_t bytes) {
  const size_t size = capacity(bytes);
  if (size >= kLargeBlock) {
    Kept& k = kept();
    // If another thread holds the lock, which in the child of a fork can last for ever, the kept blocks are not used.
    if (const std::unique_lock lock(k.mutex, std::try_to_lock); lock)
      for (size_t i = k.blocks.size(); i-- > 0;) {
        if (k.blocks[i].size != size) continue;
        void* const data = k.blocks[i].data;
        k.blocks.erase(k.blocks.begin() + static_cast<std::ptrdiff_t>(i));
        k.size -= size;
        return data;
      }
  }
  return new_block(size);
}

void give_block(void* block, size_t bytes) {
  if (!block) return;
  const size_t size = capacity(bytes);
  if (size >= kLargeBlock && size <= kMostKept) {
    Kept& k = kept();
    if (const std::unique_lock lock(k.mutex, std::try_to_lock); lock) {
      while (k.size + size > kMostKept) {
        std::free(k.blocks.front().data);
        k.size -= k.blocks.front().size;
        k.blocks.erase(k.blocks.begin());
      }
      k.blocks.push_back({block, size});
      k.size += size;
      return;
    }
  }
  std::free(block);
}

}  // namespace cnncore
