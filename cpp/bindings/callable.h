// Python functions that ops call with arrays.
#pragma once

#include <algorithm>

#include "array.h"

namespace cnncore {

// A Python function. A reference to it must only be deleted with the GIL held, while the op that has the reference may
// be deleted by any thread. So the destructor takes the GIL.
class Callable {
 public:
  explicit Callable(py::object function) : function_(std::move(function)) {}
  ~Callable() {
    const py::gil_scoped_acquire gil;
    function_ = py::object();
  }
  Callable(const Callable&) = delete;
  Callable& operator=(const Callable&) = delete;
  bool exists() const { return function_.ptr() != nullptr && !function_.is_none(); }
  template <class... Arguments>
  py::object operator()(Arguments&&... arguments) const {
    return function_(std::forward<Arguments>(arguments)...);
  }

 private:
  py::object function_;
};

/// An array of samples, copied from memory of the core.
inline Array copy_of(const float* values, int64_t samples, const Shape& shape) {
  Shape whole{samples};
  whole.insert(whole.end(), shape.begin(), shape.end());
  Array array = empty(whole);
  std::copy_n(values, array.size(), array.mutable_data());
  return array;
}

}  // namespace cnncore
