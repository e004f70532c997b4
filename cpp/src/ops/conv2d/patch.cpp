// The gradient of a 3x3 kernel over one channel, if a 2x2 max-pool is fused. The 4x4 pixels of the input that a window
// of the pool depends on fit into a register, and the winner of the window selects among them.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/weights_sum.h"

namespace cnncore {
namespace {

double patch_speed(const Conv2dProblem& p, const Kernels&) {
  const bool applies = p.fusion.max_pool && p.unit_strides() && p.unit_dilation() && p.params.in_channels == 1 &&
                       p.params.kernel_height == 3 && p.params.kernel_width == 3;
  return applies ? 2.6 : 0.0;
}

class PatchWeights : public SummedWeights {
 public:
  explicit PatchWeights(Operands& operands) : SummedWeights(operands), windows_(operands.windows_in_x()) {}

  void run(int64_t count, const WeightsRun& r) const override {
    begin(r);
    k_.patch_weights({.x = r.x,
                      .window_offset = windows_.data(),
                      .row = operands_.x_frame().full_width(),
                      .windows = count * problem_.windows(),
                      .channels = problem_.params.filters,
                      .dy = r.gradient.dy,
                      .winner = r.gradient.winner,
                      .dw = r.partial});
  }

 private:
  const Offsets& windows_;
};

OperandNeeds patch_needs(const Conv2dProblem& p, const Kernels&) {
  return {.framed_x = true, .x_border = p.params.padding};
}

}  // namespace

const WeightsCandidate kPatchWeights = {
    .name = "patch", .speed = patch_speed, .needs = patch_needs, .make = make_pass<WeightsPass, PatchWeights>};

}  // namespace cnncore
