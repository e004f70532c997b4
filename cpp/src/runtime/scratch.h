// The scratch memory of a thread. An op gets it as one block of floats. Its arrays, which may have different types, lie
// one after the other in this block, aligned to cache lines. Their places are planned once, by a ScratchLayout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "runtime/buffer.h"

namespace cnncore {

/// Where an array is in a block of scratch memory.
template <class T>
class ScratchArray {
 public:
  ScratchArray() = default;
  ScratchArray(int64_t at, int64_t count) : at_(at), count_(count) {}
  int64_t size() const { return count_; }
  /// The array inside a block. Its values are undefined until they are written.
  T* in(float* scratch) const {
    static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_destructible_v<T>);
    return std::launder(static_cast<T*>(::new (static_cast<void*>(scratch + at_)) T[static_cast<size_t>(count_)]));
  }
  /// The same for a block that has been written.
  const T* in(const float* scratch) const { return std::launder(reinterpret_cast<const T*>(scratch + at_)); }

 private:
  int64_t at_ = 0, count_ = 0;  // the place in the block, in floats, and the number of values
};

class ScratchLayout {
 public:
  template <class T>
  ScratchArray<T> take(int64_t count) {
    const ScratchArray<T> array(size_, count);
    // One cache line more, because a whole vector may be read from the last value on.
    if (count > 0) size_ += aligned_count<float>((count * static_cast<int64_t>(sizeof(T)) + 3) / 4) + kAlignment / 4;
    return array;
  }
  /// The number of floats of the whole block.
  int64_t size() const { return size_; }

 private:
  int64_t size_ = 0;
};

}  // namespace cnncore
