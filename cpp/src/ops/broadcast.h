// NumPy's broadcasting of the shapes of samples. Neighbouring axes are joined if one loop can run over both. The last
// two axes that remain are called rows and columns, and the others are the outer axes.
#pragma once

#include <algorithm>
#include <vector>

#include "cnncore/tensor.h"
#include "kernels/contracts.h"

namespace cnncore {

class Broadcast {
 public:
  /// Shapes of different ranks are aligned at their last axis. If shapes do not fit, throws std::invalid_argument with
  /// a message that begins with `op`.
  Broadcast(const char* op, const std::vector<Shape>& inputs);

  const Shape& output_shape() const { return output_; }
  int64_t output_size() const { return output_size_; }
  int64_t input_size(int input) const { return operands_[static_cast<size_t>(input)].size; }
  bool repeats(int input) const { return input_size(input) != output_size_; }

  /// A block is a part of the output of one sample. By default it has at most kBlock elements, which stay in the first
  /// cache.
  static constexpr int64_t kBlock = 1024;
  struct Block {
    int64_t sample, outer, row, col, rows, cols;
  };
  /// Calls f(block) for all blocks of `count` samples, in order. A block has at most `size` elements. It consists of
  /// whole rows, or of a part of one row.
  template <class Function>
  void for_blocks(int64_t count, Function f, int64_t size = kBlock) const {
    const int64_t step = std::clamp<int64_t>(size / cols_, 1, rows_);
    for (int64_t n = 0; n < count; ++n)
      for (int64_t o = 0; o < outer_; ++o)
        for (int64_t r = 0; r < rows_; r += step)
          for (int64_t c = 0; c < cols_; c += size)
            f(Block{n, o, r, c, std::min(step, rows_ - r), std::min(size, cols_ - c)});
  }
  /// offset() says where a block begins in an input. operand() also has the steps from row to row and from column to
  /// column.
  int64_t offset(int input, const Block& b) const {
    const Walk& w = operands_[static_cast<size_t>(input)];
    return b.sample * w.size + w.outer[static_cast<size_t>(b.outer)] + b.row * w.row + b.col * w.step;
  }
  Operand operand(int input, const Block& b, const float* data) const {
    return {data + offset(input, b), row(input), step(input)};
  }
  /// The distance, in floats, from a row to the next and from a column to the next; 0 if the input repeats.
  int64_t row(int input) const { return operands_[static_cast<size_t>(input)].row; }
  int64_t step(int input) const { return operands_[static_cast<size_t>(input)].step; }
  /// Where a block begins in the output. Its rows are cols() floats apart.
  int64_t output_offset(const Block& b) const {
    return b.sample * output_size_ + (b.outer * rows_ + b.row) * cols_ + b.col;
  }
  int64_t cols() const { return cols_; }

 private:
  struct Walk {
    int64_t size;
    std::vector<int64_t> outer;  // for each position along the outer axes: where it begins
    int64_t row, step;
  };
  Shape output_;
  int64_t output_size_, outer_, rows_, cols_;
  std::vector<Walk> operands_;
};

/// Adds t, which has a value for each element of a block, to a gradient `dx` of an operand. Where the operand repeats,
/// the values are summed.
inline void add_to_operand(void (*merge_reduce)(const MergeReduceArgs&), const Broadcast::Block& b, const float* t,
                           const Operand& dx) {
  merge_reduce({.t = t,
                .t_row = b.cols,
                .rows = b.rows,
                .cols = b.cols,
                .scale = 1.0f,
                .dx = const_cast<float*>(dx.data),
                .row = dx.row,
                .step = dx.step,
                .accumulate = true});
}

}  // namespace cnncore
