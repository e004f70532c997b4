// What networks know about the Parameters of a layer, besides their values.
#pragma once

#include <atomic>
#include <vector>

#include "cnncore/network.h"
#include "runtime/buffer.h"
#include "runtime/read_write_lock.h"

namespace cnncore {

struct Parameters::State {
  std::vector<Shape> shapes;
  std::vector<int64_t> offsets;  // the offsets of the arrays, in floats
  Buffer<float> values;
  std::atomic<int64_t> version{0};   // counts everything that may have changed the values
  std::atomic<int64_t> loans{0};     // how many loans there are, whose owners may write at any time
  std::atomic<int64_t> networks{0};  // how many networks use them
  mutable ReadWriteLock lock;        // used by read() and write(), and by networks that share them

  float* array(size_t i) { return values.data() + offsets[i]; }
  int64_t size(size_t i) const { return element_count(shapes[i]); }
};

}  // namespace cnncore
