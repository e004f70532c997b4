// A step that copies its input.
#pragma once

#include <algorithm>

#include "run/step_with_tangents.h"

namespace cnncore {

/// Copies x to y. The planner adds this step if two outputs of a network would have the same memory. Each loss writes
/// the gradient of its output, so that one would overwrite the other.
class CopyStep : public LinearStep {
 public:
  explicit CopyStep(int64_t size) : size_(size) {}
  void forward(const Run& run) const override { std::copy_n(run.x[0], run.count * size_, run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) std::copy_n(run.dy, run.count * size_, run.dx[0]);
  }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "copy"; }

 private:
  int64_t size_;
};

}  // namespace cnncore
