#include <algorithm>
#include <cstring>

#include "ops/merge_rows.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {

ConcatenatePlan::ConcatenatePlan(int axis, const std::vector<Shape>& inputs) : outer_(1), row_(0) {
  check(!inputs.empty(), "[concatenate] expected at least one input");
  output_ = inputs[0];
  const int rank = static_cast<int>(output_.size());
  check(axis >= -rank && axis < rank, "[concatenate] expected an axis of samples of shape ", output_,
        ". Received: ", axis);
  const size_t joined = static_cast<size_t>(axis < 0 ? axis + rank : axis);
  int64_t inner = 1;
  for (size_t a = 0; a < output_.size(); ++a)
    if (a < joined)
      outer_ *= output_[a];
    else if (a > joined)
      inner *= output_[a];
  output_[joined] = 0;
  for (const Shape& shape : inputs) {
    bool fits = shape.size() == output_.size();
    for (size_t a = 0; fits && a < shape.size(); ++a) fits = a == joined || shape[a] == inputs[0][a];
    check(fits, "[concatenate] expected shapes that are equal except along axis ", axis, ". Received: ", inputs[0],
          ", ", shape);
    begin_.push_back(row_);
    row_ += shape[joined] * inner;
    output_[joined] += shape[joined];
  }
  begin_.push_back(row_);
}

void ConcatenatePlan::forward(int64_t count, const float* const* x, float* y) const {
  for (size_t i = 0; i + 1 < begin_.size(); ++i) {
    const int64_t size = begin_[i + 1] - begin_[i];
    for (int64_t r = 0; r < count * outer_; ++r)
      std::memcpy(y + r * row_ + begin_[i], x[i] + r * size, static_cast<size_t>(size) * sizeof(float));
  }
}

void ConcatenatePlan::backward(const Kernels& k, int64_t count, int input, const float* dy, float* dx,
                               bool accumulate) const {
  const int64_t begin = begin_[static_cast<size_t>(input)], size = begin_[static_cast<size_t>(input) + 1] - begin;
  for (int64_t r = 0; r < count * outer_; ++r)
    if (accumulate)
      k.accumulate(dy + r * row_ + begin, dx + r * size, size);
    else
      std::memcpy(dx + r * size, dy + r * row_ + begin, static_cast<size_t>(size) * sizeof(float));
}

Shape concatenate_output_shape(int axis, const std::vector<Shape>& inputs) {
  return ConcatenatePlan(axis, inputs).output_shape();
}

void concatenate(int axis, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, float* y) {
  ConcatenatePlan(axis, inputs).forward(batch, x, y);
}

void concatenate_backward(int axis, const std::vector<Shape>& inputs, int64_t batch, const float* dy,
                          float* const* dx) {
  const ConcatenatePlan plan(axis, inputs);
  for (int i = 0; i < static_cast<int>(inputs.size()); ++i)
    if (dx[i]) plan.backward(kernels(), batch, i, dy, dx[i], false);
}

}  // namespace cnncore
