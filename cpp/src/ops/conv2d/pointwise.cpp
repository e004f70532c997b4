// A 1x1 convolution and the gradient of its kernel. Its input is usually the output of a relu, and products with a zero
// of the input are left out. The sums have the same bits with and without these products.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/weights_sum.h"
#include "ops/skip_panels.h"

namespace cnncore {
namespace {

bool pointwise_applies(const Conv2dProblem& p) {
  const Padding& border = p.params.padding;
  return p.fusion.in_network && p.taps() == 1 && p.params.groups == 1 && !p.fusion.max_pool && !p.reduced() &&
         !(border.top || border.bottom || border.left || border.right) &&
         takes_skips(p.depth(), p.params.filters, p.kernel_size());
}

double pointwise_speed(const Conv2dProblem& p, const Kernels&) { return pointwise_applies(p) ? 1.4 : 0.0; }
double pointwise_weights_speed(const Conv2dProblem& p, const Kernels&) { return pointwise_applies(p) ? 1.3 : 0.0; }

class PointwiseForward : public ForwardPass {
 public:
  explicit PointwiseForward(Operands& operands)
      : p_(operands.problem()), k_(operands.kernels()), tables_(operands.forward_tables()) {}

  int64_t packed_size() const override { return p_.kernel_size(); }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    pack_skip_panels(kernel, p_.depth(), p_.params.filters, channels.begin, channels.end, packed);
  }
  void run(int64_t count, Share share, const ForwardRun& r) const override {
    const int64_t pixels = count * p_.pixels(), begin = share.begin(pixels);
    GemmSkipArgs a{};
    a.x = r.x, a.x_offset = tables_.x_offset.data() + begin, a.k_offset = tables_.k_offset.data();
    a.pixels = share.end(pixels) - begin, a.depth = p_.depth(), a.cols = p_.params.filters;
    a.w = r.packed, a.panel = p_.depth() * kSkipColumns, a.skips = r.finite_kernel;
    a.bias = r.bias, a.y = r.y, a.y_offset = tables_.y_offset.data() + begin, a.relu = p_.relu();
    a.fetch_y = p_.fetches_y();
    k_.gemm_skip(a);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  const ForwardTables& tables_;
};

class PointwiseWeights : public SummedWeights {
 public:
  explicit PointwiseWeights(Operands& operands)
      : SummedWeights(operands), tables_(operands.forward_tables()), dy_offsets_(operands.dy_offsets()) {}

  void run(int64_t count, const WeightsRun& r) const override {
    const int64_t filters = problem_.params.filters;
    k_.gemm_weights_skip({.x = r.x,
                          .x_offset = tables_.x_offset.data(),
                          .k_offset = tables_.k_offset.data(),
                          .pixels = count * problem_.pixels(),
                          .depth = problem_.depth(),
                          .cols = filters,
                          .dy = r.gradient.framed,
                          .dy_offset = dy_offsets_.data(),
                          .dw = r.partial,
                          .ldw = filters,
                          .overwrite = r.overwrite});
  }

 private:
  const ForwardTables& tables_;
  const Offsets& dy_offsets_;
};

OperandNeeds needs(const Conv2dProblem&, const Kernels&) { return {.framed_x = true}; }
OperandNeeds pointwise_weights_needs(const Conv2dProblem&, const Kernels&) {
  return {.framed_x = true, .framed_dy = true};
}

}  // namespace

const ForwardCandidate kPointwiseForward = {
    .name = "pointwise", .speed = pointwise_speed, .needs = needs, .make = make_pass<ForwardPass, PointwiseForward>};
const WeightsCandidate kPointwiseWeights = {.name = "pointwise",
                                            .speed = pointwise_weights_speed,
                                            .needs = pointwise_weights_needs,
                                            .make = make_pass<WeightsPass, PointwiseWeights>};

}  // namespace cnncore
