// Arrays that catch every access outside them, random numbers, and comparisons.
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace testing {

/// Half the distance from 1 to the next float: the largest relative error of one rounding.
constexpr double kUnit = 0x1p-24;

/// A random number generator. Every test case makes its own, so that it does not depend on the cases before it.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t integer(int64_t least, int64_t most) {  // both bounds are possible values
    return least + static_cast<int64_t>(engine_() % static_cast<uint64_t>(most - least + 1));
  }
  float real(float least, float most) {
    return least + (most - least) * static_cast<float>(engine_() >> 40) * 0x1p-24f;
  }
  bool coin() { return (engine_() >> 32) % 2 == 0; }
  template <class T>
  T pick(const std::vector<T>& from) {
    return from[static_cast<size_t>(integer(0, static_cast<int64_t>(from.size()) - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

/// An array with an unreadable page directly behind it (`at_end`) or directly before it, and canary bytes on the other
/// side. An access to the page stops the test, even by a masked load, which a sanitizer does not see; `intact` finds
/// out whether something wrote over the canaries. The elements are first filled with `kUntouched` bytes, which make a
/// float a NaN.
template <class T>
class Array {
 public:
  static constexpr unsigned char kUntouched = 0xff;

  Array(int64_t size, bool at_end) : size_(size) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes = static_cast<size_t>(size) * sizeof(T);
    inner_ = (bytes + page) / page * page;  // at least one byte of canaries
    mapped_ = inner_ + 2 * page;
    void* map = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(map != MAP_FAILED);
    begin_ = static_cast<unsigned char*>(map) + page;
    REQUIRE(mprotect(begin_, inner_, PROT_READ | PROT_WRITE) == 0);
    std::memset(begin_, kUntouched, inner_);
    data_ = reinterpret_cast<T*>(at_end ? begin_ + inner_ - bytes : begin_);
  }
  Array(int64_t size, Random& random) : Array(size, random.coin()) {}
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { munmap(begin_ - (mapped_ - inner_) / 2, mapped_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  T& operator[](int64_t i) { return data_[i]; }
  T operator[](int64_t i) const { return data_[i]; }

  bool intact() const {
    const unsigned char* first = reinterpret_cast<const unsigned char*>(data_);
    for (const unsigned char* p = begin_; p < begin_ + inner_; ++p)
      if ((p < first || p >= first + static_cast<size_t>(size_) * sizeof(T)) && *p != kUntouched) return false;
    return true;
  }
  bool untouched(int64_t i) const {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, data_ + i, sizeof(T));
    for (const unsigned char byte : bytes)
      if (byte != kUntouched) return false;
    return true;
  }
  std::vector<T> copy() const { return {data_, data_ + size_}; }

 private:
  int64_t size_;
  size_t inner_, mapped_;
  unsigned char* begin_;
  T* data_;
};

using Floats = Array<float>;
using Bytes = Array<uint8_t>;
using Ints = Array<int32_t>;

template <class Container>
void fill(Container& a, Random& random, float least = -1.0f, float most = 1.0f) {
  for (int64_t i = 0; i < static_cast<int64_t>(a.size()); ++i) a.data()[i] = random.real(least, most);
}

/// Fills the array with small integers, so that sums are exact and equal values are frequent.
inline void fill_integers(Floats& a, Random& random, int64_t reach) {
  for (int64_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(random.integer(-reach, reach));
}

inline bool same_bits(const float* a, const float* b, int64_t size) {
  return std::memcmp(a, b, static_cast<size_t>(size) * sizeof(float)) == 0;
}

inline std::vector<int32_t> shuffled(int64_t size, Random& random) {
  std::vector<int32_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = size; i > 1; --i)
    std::swap(order[static_cast<size_t>(i - 1)], order[static_cast<size_t>(random.integer(0, i - 1))]);
  return order;
}

inline int64_t largest(const Ints& a) {
  int64_t most = 0;
  for (int64_t i = 0; i < a.size(); ++i) most = std::max<int64_t>(most, a[i]);
  return most;
}

/// `size` offsets in [0, reach).
struct Offsets : Ints {
  Offsets(int64_t size, int64_t reach, Random& random) : Ints(size, random) {
    for (int64_t i = 0; i < size; ++i) data()[i] = static_cast<int32_t>(random.integer(0, reach - 1));
  }
};

/// `size` offsets, in shuffled order, of rows of `cols` values that do not overlap and may have gaps between them.
struct Places : Ints {
  Places(int64_t size, int64_t cols, Random& random) : Ints(size, random) {
    const int64_t pitch = cols + random.integer(0, 3);
    const std::vector<int32_t> order = shuffled(size, random);
    for (int64_t i = 0; i < size; ++i) data()[i] = static_cast<int32_t>(order[static_cast<size_t>(i)] * pitch);
  }
};

/// The number of elements that have been written.
inline int64_t covered(const Floats& y) {
  int64_t count = 0;
  for (int64_t i = 0; i < y.size(); ++i) count += !y.untouched(i);
  return count;
}

/// A sum in double, and a bound of the error of the same sum in float32. In any order, a sum of n terms or products
/// is off by at most n + 1 roundings of the sum of the terms' magnitudes; the 1 is for the value they are added to.
struct Sum {
  double value = 0, magnitude = 0;
  int64_t terms = 0;

  void add(double term) { value += term, magnitude += std::fabs(term), ++terms; }
  void add(double a, double b) { add(a * b); }
  double bound(int64_t more_roundings = 0) const {
    return static_cast<double>(terms + 1 + more_roundings) * kUnit * magnitude;
  }
};

/// Counts the values that lie outside their bounds, so that a test needs only one assertion per array.
struct Mismatches {
  int64_t count = 0;
  double worst = 0;  // error over bound
  void expect(double value, double reference, double bound) {
    const double error = std::fabs(value - reference);
    if (error <= bound || value == reference) return;  // infinities are equal
    ++count;
    if (!(error / bound <= worst)) worst = error / bound;
  }
  void expect(float value, const Sum& sum, int64_t more_roundings = 0) {
    expect(static_cast<double>(value), sum.value, sum.bound(more_roundings));
  }
};

}  // namespace testing
