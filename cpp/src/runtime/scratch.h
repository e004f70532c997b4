// A thread's working memory, lent to an op as one block of floats: planned once as typed arrays that lie behind each
// other, aligned to cache lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "runtime/buffer.h"

namespace cnncore {

/// Where an array of plain values lies in a block of scratch memory.
template <class T>
class ScratchArray {
 public:
  ScratchArray() = default;
  ScratchArray(int64_t at, int64_t count) : at_(at), count_(count) {}
  int64_t size() const { return count_; }
  /// The array inside a block. What it holds is not defined before it is written.
  T* in(float* scratch) const {
    static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_destructible_v<T>);
    return std::launder(static_cast<T*>(::new (static_cast<void*>(scratch + at_)) T[static_cast<size_t>(count_)]));
  }
  /// The same of a block that has been written.
  const T* in(const float* scratch) const { return std::launder(reinterpret_cast<const T*>(scratch + at_)); }

 private:
  int64_t at_ = 0, count_ = 0;  // the place in floats, the size in values
};

class ScratchLayout {
 public:
  template <class T>
  ScratchArray<T> take(int64_t count) {
    const ScratchArray<T> array(size_, count);
    // one cache line more: a vector that begins inside may be read whole
    if (count > 0) size_ += aligned_count<float>((count * static_cast<int64_t>(sizeof(T)) + 3) / 4) + kAlignment / 4;
    return array;
  }
  /// Floats of the whole block.
  int64_t size() const { return size_; }

 private:
  int64_t size_ = 0;
};

}  // namespace cnncore
