#include "graph/pool2d_op.h"

#include "graph/window_cut.h"
#include "ops/pool2d_plan.h"
#include "run/step_with_tangents.h"

namespace cnncore {
namespace {

class Pool2dStep : public StepWithTangents {
 public:
  Pool2dStep(const Pool2dParams& params, bool max, const Kernels& kernels)
      : plan_(params, max ? Pool2dPlan::Kind::max : Pool2dPlan::Kind::average, kernels), max_(max) {}
  void forward(const Run& run) const override { plan_.forward(run.count, run.x[0], run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) plan_.backward(run.count, run.x[0], run.dy, run.dx[0]);
  }
  void tangent(const Run& run, const Run& tangent) const override {
    plan_.tangent(run.count, run.x[0], tangent.x[0], tangent.y);
  }
  bool backward_reads_x() const override { return max_; }
  bool backward_reads_y() const override { return false; }
  int64_t flops() const override { return plan_.flops(); }
  std::string describe() const override { return max_ ? "max_pool2d" : "avg_pool2d"; }

 private:
  Pool2dPlan plan_;
  bool max_;
};

OpPtr make_pool2d(AttributeReader& a, const std::vector<Shape>& inputs, bool max) {
  const Shape& in = image_input(a, inputs);
  Pool2dParams p;
  p.in_height = in[0], p.in_width = in[1], p.channels = in[2];
  const std::pair<int64_t, int64_t> size = a.pair("pool_size", std::pair<int64_t, int64_t>(2, 2));
  const std::pair<int64_t, int64_t> strides = a.pair("strides", size);
  p.pool_height = size.first, p.pool_width = size.second;
  p.stride_height = strides.first, p.stride_width = strides.second;
  p.padding = a.padding("padding");
  return std::make_shared<Pool2dOp>(p, max);
}

}  // namespace

bool Pool2dOp::is_2x2() const {
  const Pool2dParams& p = params_;
  return p.pool_height == 2 && p.pool_width == 2 && p.stride_height == 2 && p.stride_width == 2 && p.padding.top == 0 &&
         p.padding.bottom == 0 && p.padding.left == 0 && p.padding.right == 0;
}

OpPtr Pool2dOp::cut(const Shape& output) const {
  Pool2dParams p = params_;
  if (!cut_window({p.in_height, p.padding.bottom, p.pool_height, p.stride_height, p.padding.top, 1}, output[0]) ||
      !cut_window({p.in_width, p.padding.right, p.pool_width, p.stride_width, p.padding.left, 1}, output[1]))
    return nullptr;
  return std::make_shared<Pool2dOp>(p, max_);
}

std::unique_ptr<Step> Pool2dOp::plan(const StepContext& context) const {
  return std::make_unique<Pool2dStep>(params_, max_, context.kernels);
}

OpPtr make_max_pool2d(AttributeReader& a, const std::vector<Shape>& inputs) { return make_pool2d(a, inputs, true); }
OpPtr make_avg_pool2d(AttributeReader& a, const std::vector<Shape>& inputs) { return make_pool2d(a, inputs, false); }

}  // namespace cnncore
