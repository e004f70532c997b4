// A 1x1 convolution. Its input is usually the output of a relu, and terms with a zero are left out. The
// sum has the same bits with and without these terms.
#include "ops/conv2d/candidates.h"
#include "ops/skip_panels.h"

namespace cnncore {
namespace {

double pointwise_speed(const Conv2dProblem& p, const Kernels&) {
  const Padding& border = p.params.padding;
  const bool applies = p.fusion.in_network && p.taps() == 1 && p.params.groups == 1 && !p.fusion.max_pool &&
                       !p.reduced() && !(border.top || border.bottom || border.left || border.right);
  return applies && takes_skips(p.depth(), p.params.filters, p.kernel_size()) ? 1.4 : 0.0;
}

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
    k_.gemm_skip(a);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  const ForwardTables& tables_;
};

OperandNeeds needs(const Conv2dProblem&, const Kernels&) { return {.framed_x = true}; }

}  // namespace

const ForwardCandidate kPointwiseForward = {
    .name = "pointwise", .speed = pointwise_speed, .needs = needs, .make = make_pass<ForwardPass, PointwiseForward>};

}  // namespace cnncore
