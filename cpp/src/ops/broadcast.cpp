#include "ops/broadcast.h"

#include "runtime/check.h"

namespace cnncore {
namespace {

// A shape of the given rank: the sizes at its end, and ones in front of them.
Shape aligned(const Shape& shape, size_t rank) {
  Shape result(rank - shape.size(), 1);
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

std::string list_of(const std::vector<Shape>& shapes) {
  std::string text;
  for (const Shape& shape : shapes) text += (text.empty() ? "" : ", ") + to_string(shape);
  return text;
}

// An axis, and for each operand the distance between neighbours along it. It is 0 if the operand repeats along the
// axis.
struct BroadcastAxis {
  int64_t size;
  std::vector<int64_t> steps;
};

// Whether one loop can run over both axes: in every operand, a step along `outer` is as long as the whole of `inner`.
bool joins(const BroadcastAxis& outer, const BroadcastAxis& inner) {
  for (size_t i = 0; i < inner.steps.size(); ++i)
    if (outer.steps[i] != inner.steps[i] * inner.size) return false;
  return true;
}

std::vector<BroadcastAxis> joined_axes(const Shape& output, const std::vector<Shape>& inputs) {
  std::vector<BroadcastAxis> axes;  // from the last axis to the first
  std::vector<int64_t> turn(inputs.size(), 1);
  for (size_t a = output.size(); a-- > 0;) {
    BroadcastAxis axis{output[a], {}};
    for (size_t i = 0; i < inputs.size(); ++i) {
      axis.steps.push_back(inputs[i][a] == 1 ? 0 : turn[i]);
      turn[i] *= inputs[i][a];
    }
    if (output[a] == 1) continue;
    if (!axes.empty() && joins(axis, axes.back()))
      axes.back().size *= axis.size;
    else
      axes.push_back(axis);
  }
  const std::vector<int64_t> none(inputs.size(), 0), ones(inputs.size(), 1);
  if (axes.empty()) axes.push_back({1, ones});
  if (axes.size() == 1) {  // a single row; the step to the next one would be the length of the row
    BroadcastAxis row{1, none};
    for (size_t i = 0; i < inputs.size(); ++i) row.steps[i] = axes[0].steps[i] * axes[0].size;
    axes.push_back(row);
  }
  return axes;
}

}  // namespace

Broadcast::Broadcast(const char* op, const std::vector<Shape>& inputs) {
  check(!inputs.empty(), op, "expected at least one input");
  size_t rank = 0;
  for (const Shape& shape : inputs) rank = std::max(rank, shape.size());
  std::vector<Shape> shapes;
  output_.assign(rank, 1);
  for (const Shape& shape : inputs) {
    shapes.push_back(aligned(shape, rank));
    for (size_t a = 0; a < rank; ++a) {
      const int64_t size = shapes.back()[a];
      check(size == 1 || output_[a] == 1 || size == output_[a], op,
            "expected shapes whose sizes along every axis are equal or 1. Received: ", list_of(inputs));
      if (size != 1) output_[a] = size;
    }
  }
  output_size_ = element_count(output_);
  check(output_size_ > 0, op, "expected samples of at least one value. Received: ", list_of(inputs));
  const std::vector<BroadcastAxis> axes = joined_axes(output_, shapes);
  cols_ = axes[0].size, rows_ = axes[1].size, outer_ = 1;
  for (size_t a = 2; a < axes.size(); ++a) outer_ *= axes[a].size;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Walk walk{element_count(inputs[i]), {}, axes[1].steps[i], axes[0].steps[i]};
    for (int64_t o = 0; o < outer_; ++o) {
      int64_t rest = o, offset = 0;
      for (size_t a = 2; a < axes.size(); ++a) offset += rest % axes[a].size * axes[a].steps[i], rest /= axes[a].size;
      walk.outer.push_back(offset);
    }
    operands_.push_back(std::move(walk));
  }
}

}  // namespace cnncore
