// NumPy's broadcasting of sample shapes, prepared: neighbouring axes that behave alike are joined, the last two that
// remain are rows and columns, the others are walked in order.
#pragma once

#include <algorithm>
#include <vector>

#include "cnncore/tensor.h"
#include "kernels/contracts.h"

namespace cnncore {

class Broadcast {
 public:
  /// Shapes of different ranks are aligned at their last axis. Throws std::invalid_argument, beginning with `op`, where
  /// they do not fit.
  Broadcast(const char* op, const std::vector<Shape>& inputs);

  const Shape& output_shape() const { return output_; }
  int64_t output_size() const { return output_size_; }
  int64_t input_size(int input) const { return operands_[static_cast<size_t>(input)].size; }
  bool repeats(int input) const { return input_size(input) != output_size_; }

  /// At most kBlock elements of the output of one sample, small enough to stay in the first cache.
  static constexpr int64_t kBlock = 1024;
  struct Block {
    int64_t sample, outer, row, col, rows, cols;
  };
  /// Calls f(block) over `count` samples, in order, with blocks of at most `size` elements. cols is below cols() only
  /// where rows is 1.
  template <class Function>
  void for_blocks(int64_t count, Function f, int64_t size = kBlock) const {
    const int64_t step = std::clamp<int64_t>(size / cols_, 1, rows_);
    for (int64_t n = 0; n < count; ++n)
      for (int64_t o = 0; o < outer_; ++o)
        for (int64_t r = 0; r < rows_; r += step)
          for (int64_t c = 0; c < cols_; c += size)
            f(Block{n, o, r, c, std::min(step, rows_ - r), std::min(size, cols_ - c)});
  }
  /// Where a block begins in an input and how it is walked.
  int64_t offset(int input, const Block& b) const {
    const Walk& w = operands_[static_cast<size_t>(input)];
    return b.sample * w.size + w.outer[static_cast<size_t>(b.outer)] + b.row * w.row + b.col * w.step;
  }
  Operand operand(int input, const Block& b, const float* data) const {
    return {data + offset(input, b), row(input), step(input)};
  }
  /// Floats from a row to the next, and from a column to the next: 0 where the input repeats.
  int64_t row(int input) const { return operands_[static_cast<size_t>(input)].row; }
  int64_t step(int input) const { return operands_[static_cast<size_t>(input)].step; }
  /// Where a block begins in the output; its rows lie cols() apart.
  int64_t output_offset(const Block& b) const {
    return b.sample * output_size_ + (b.outer * rows_ + b.row) * cols_ + b.col;
  }
  int64_t cols() const { return cols_; }

 private:
  struct Walk {
    int64_t size;
    std::vector<int64_t> outer;  // where each step of the outer axes begins
    int64_t row, step;
  };
  Shape output_;
  int64_t output_size_, outer_, rows_, cols_;
  std::vector<Walk> operands_;
};

}  // namespace cnncore
