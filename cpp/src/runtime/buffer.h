// Memory that is aligned to a cache line and filled with zeros.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "runtime/blocks.h"

namespace cnncore {

/// The number of values, rounded up so that what comes after them is aligned to a cache line as well.
template <class T>
constexpr int64_t aligned_count(int64_t count) {
  constexpr int64_t step = static_cast<int64_t>(kAlignment / sizeof(T));
  return (count + step - 1) / step * step;
}

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t count) : size_(count) {
    if (count < 0 || count > std::numeric_limits<int64_t>::max() / 16) throw std::bad_alloc();
    // One cache line more, because a whole vector may be read from the last value on.
    const size_t bytes = static_cast<size_t>(aligned_count<T>(count)) * sizeof(T) + kAlignment;
    data_ = {static_cast<T*>(take_block(bytes)), Give{bytes}};
    std::memset(data_.get(), 0, bytes);
  }
  T* data() const { return data_.get(); }
  int64_t size() const { return size_; }

 private:
  struct Give {
    size_t bytes = 0;
    void operator()(T* p) const { give_block(p, bytes); }
  };
  std::unique_ptr<T, Give> data_;
  int64_t size_ = 0;
};

}  // namespace cnncore
