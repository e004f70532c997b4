// What networks know of a layer's Parameters beyond their values.
#pragma once

#include <atomic>
#include <vector>

#include "cnncore/network.h"
#include "runtime/buffer.h"
#include "runtime/read_write_lock.h"

namespace cnncore {

struct Parameters::State {
  std::vector<Shape> shapes;
  std::vector<int64_t> offsets;  // of the arrays, in floats
  Buffer<float> values;
  std::atomic<int64_t> version{0};   // counts what may have changed the values
  std::atomic<int64_t> loans{0};     // of those who may write to them at any time
  std::atomic<int64_t> networks{0};  // that refer to them
  mutable ReadWriteLock lock;        // taken where several networks refer to them, and by read() and write()

  float* array(size_t i) { return values.data() + offsets[i]; }
  int64_t size(size_t i) const { return element_count(shapes[i]); }
};

}  // namespace cnncore
