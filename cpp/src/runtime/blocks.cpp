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

constexpr size_t kLarge = size_t{64} << 10;  // below, the allocator keeps pages itself
constexpr size_t kMostKept = size_t{64} << 20;
// Memory that a training step walks through again and again: in pages of 2 MB its addresses are found without waiting.
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kHuge = 2 * kHugePage;

struct Block {
  void* data;
  size_t size;
};

// Never destroyed: arrays may outlive every static object.
struct Kept {
  std::mutex mutex;
  std::vector<Block> blocks;  // the latest last: it is the one most likely to be in a cache
  size_t size = 0;
};
Kept& kept() {
  static Kept* const instance = new Kept;
  return *instance;
}

// Sizes are rounded so that arrays of nearly one size share blocks.
size_t capacity(size_t bytes) {
  const size_t step = bytes < kLarge ? kAlignment : bytes < kHuge ? kLarge : kHugePage;
  if (bytes > SIZE_MAX - step) throw std::bad_alloc();
  return bytes == 0 ? step : (bytes + step - 1) / step * step;
}

void* new_block(size_t size) {
  void* const data = std::aligned_alloc(size < kHuge ? kAlignment : kHugePage, size);
  if (!data) throw std::bad_alloc();
#ifdef __linux__
  if (size >= kHuge) madvise(data, size, MADV_HUGEPAGE);  // a wish: without it the pages are small
#endif
  return data;
}

}  // namespace

void* take_block(size_t bytes) {
  const size_t size = capacity(bytes);
  if (size >= kLarge) {
    Kept& k = kept();
    // Who cannot have the lock at once, a child of a fork for example, does without.
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
  if (size >= kLarge && size <= kMostKept) {
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
