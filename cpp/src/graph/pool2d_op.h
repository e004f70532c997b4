// The ops max_pool2d and avg_pool2d. cnncore/pool2d.h says what they compute.
#pragma once

#include "cnncore/pool2d.h"
#include "graph/op.h"

namespace cnncore {

class Pool2dOp : public Op {
 public:
  Pool2dOp(const Pool2dParams& params, bool max)
      : Op({{params.in_height, params.in_width, params.channels}},
           pool2d_output_shape(params, max ? "max_pool2d" : "avg_pool2d")),
        params_(params),
        max_(max) {}

  bool is_max() const { return max_; }
  /// Whether the windows are 2x2 pixels side by side, without padding.
  bool is_2x2() const;

  OpPtr cut(const Shape& output) const override;
  std::unique_ptr<Step> plan(const StepContext& context) const override;

 private:
  Pool2dParams params_;
  bool max_;
};

}  // namespace cnncore
