// Memory aligned to a cache line, zeroed.
#pragma once

#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "runtime/check.h"

namespace cnncore {

constexpr int64_t kAlignment = 64;

/// Rounded up so that what follows stays aligned to a cache line.
template <class T>
constexpr int64_t aligned_count(int64_t count) {
  constexpr int64_t step = kAlignment / static_cast<int64_t>(sizeof(T));
  return (count + step - 1) / step * step;
}

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t count) : size_(count) {
    if (count < 0 || count > std::numeric_limits<int64_t>::max() / 16) throw std::bad_alloc();
    // One cache line of slack: a vector that begins inside may be read whole.
    const size_t bytes = static_cast<size_t>(aligned_count<T>(count)) * sizeof(T) + kAlignment;
    data_.reset(static_cast<T*>(std::aligned_alloc(kAlignment, bytes)));
    if (!data_) throw std::bad_alloc();
    std::memset(data_.get(), 0, bytes);
  }
  T* data() const { return data_.get(); }
  int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
  int64_t size_ = 0;
};

}  // namespace cnncore
