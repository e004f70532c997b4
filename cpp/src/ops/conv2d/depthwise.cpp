// Depthwise convolution: every channel by itself, so that vectors run over channels. The image has no border of zeros:
// its pixels are sorted by the taps that lie inside it.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/pixel_classes.h"
#include "ops/conv2d/weights_sum.h"

namespace cnncore {
namespace {

double depthwise_speed(const Conv2dProblem& p, const Kernels&) {
  const bool applies = p.params.groups > 1 && p.params.groups == p.params.in_channels &&
                       p.params.filters == p.params.in_channels && !p.fusion.max_pool;
  return applies ? 4.0 : 0.0;
}

void run_classes(const Kernels& k, const std::vector<PixelClass>& classes, int64_t count, Share share,
                 DepthwiseArgs a) {
  for (const PixelClass& c : classes) {
    const int64_t begin = share.begin(count * c.per_image);
    a.x_offset = c.from_offset.data() + begin, a.y_offset = c.to_offset.data() + begin;
    a.pixels = share.end(count * c.per_image) - begin;
    a.tap_offset = c.tap_offset.data(), a.w_offset = c.w_offset.data();
    a.taps = static_cast<int64_t>(c.tap_offset.size());
    k.depthwise(a);
  }
}

class DepthwiseForward : public ForwardPass {
 public:
  explicit DepthwiseForward(Operands& operands)
      : p_(operands.problem()),
        k_(operands.kernels()),
        classes_(output_classes(p_.params, {p_.out_height, p_.out_width, p_.params.filters, {}}, operands.images())) {}

  void run(int64_t count, Share share, const ForwardRun& r) const override {
    DepthwiseArgs a{};
    a.x = r.x, a.w = r.kernel, a.bias = r.bias, a.y = r.y, a.channels = p_.params.filters;
    a.relu = p_.relu(), a.stream = p_.streams(a.channels, k_);
    run_classes(k_, classes_, count, share, a);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  std::vector<PixelClass> classes_;
};

class DepthwiseData : public DataPass {
 public:
  explicit DepthwiseData(Operands& operands)
      : p_(operands.problem()),
        k_(operands.kernels()),
        classes_(input_classes(p_.params, operands.dy_frame(), operands.backward_images())) {}

  int64_t packed_size() const override { return p_.kernel_size(); }
  // As it is, because backward sees the packed kernel alone.
  void pack(IndexRange, const float* kernel, float* packed) const override {
    std::copy_n(kernel, p_.kernel_size(), packed);
  }
  void run(int64_t count, const DataRun& r) const override {
    DepthwiseArgs a{};
    a.x = r.gradient.framed, a.w = r.packed, a.bias = r.bias, a.y = r.dx, a.channels = p_.params.filters;
    a.relu = r.relu, a.stream = p_.streams(a.channels, k_);
    run_classes(k_, classes_, count, {}, a);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  std::vector<PixelClass> classes_;
};

class DepthwiseWeights : public SummedWeights {
 public:
  explicit DepthwiseWeights(Operands& operands)
      : SummedWeights(operands),
        classes_(output_classes(problem_.params, operands.dy_frame(), operands.backward_images())) {}

  void run(int64_t count, const WeightsRun& r) const override {
    begin(r);
    for (const PixelClass& c : classes_)
      k_.depthwise_weights({.x = r.x,
                            .x_offset = c.from_offset.data(),
                            .tap_offset = c.tap_offset.data(),
                            .pixels = count * c.per_image,
                            .taps = static_cast<int64_t>(c.tap_offset.size()),
                            .channels = problem_.params.filters,
                            .dy = r.gradient.framed,
                            .dy_offset = c.to_offset.data(),
                            .dw = r.partial,
                            .w_offset = c.w_offset.data()});
  }

 private:
  std::vector<PixelClass> classes_;
};

OperandNeeds forward_needs(const Conv2dProblem&, const Kernels&) { return {}; }
OperandNeeds gradient_needs(const Conv2dProblem&, const Kernels&) { return {.framed_dy = true, .rounded_dy = true}; }

}  // namespace

const ForwardCandidate kDepthwiseForward = {.name = "depthwise",
                                            .speed = depthwise_speed,
                                            .needs = forward_needs,
                                            .make = make_pass<ForwardPass, DepthwiseForward>};
const DataCandidate kDepthwiseData = {
    .name = "depthwise", .speed = depthwise_speed, .needs = gradient_needs, .make = make_pass<DataPass, DepthwiseData>};
const WeightsCandidate kDepthwiseWeights = {.name = "depthwise",
                                            .speed = depthwise_speed,
                                            .needs = gradient_needs,
                                            .make = make_pass<WeightsPass, DepthwiseWeights>};

}  // namespace cnncore
