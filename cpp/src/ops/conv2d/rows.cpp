// Convolutions with one input channel and few filters. Vectors of filters would be at least half empty, so the lanes of
// a vector are neighbouring pixels of a row of the output.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/weights_sum.h"

namespace cnncore {
namespace {

double rows_speed(const Conv2dProblem& p, const Kernels& k) {
  const bool applies = !p.fusion.max_pool && p.params.in_channels == 1 && p.params.stride_width == 1 &&
                       2 * p.params.filters <= k.width && 2 * p.out_width >= k.width;
  return applies ? 2.0 : 0.0;
}

class RowsForward : public ForwardPass {
 public:
  explicit RowsForward(Operands& operands)
      : p_(operands.problem()), k_(operands.kernels()), tables_(operands.forward_tables()) {}

  void run(int64_t count, Share share, const ForwardRun& r) const override {
    const int64_t rows = count * p_.out_height, begin = share.begin(rows) * p_.out_width;
    GemmRowsArgs a{};
    a.x = r.x, a.x_offset = tables_.x_offset.data() + begin, a.k_offset = tables_.k_offset.data();
    a.pixels = share.end(rows) * p_.out_width - begin, a.row = p_.out_width;
    a.depth = p_.depth(), a.cols = p_.params.filters, a.w = r.kernel, a.ldw = p_.params.filters, a.bias = r.bias;
    a.y = r.y, a.y_offset = tables_.y_offset.data() + begin, a.relu = p_.relu();
    k_.gemm_rows(a);
  }
  IndexRange output_rows(Share share) const override { return {share.begin(p_.out_height), share.end(p_.out_height)}; }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  const ForwardTables& tables_;
};

class RowsWeights : public SummedWeights {
 public:
  explicit RowsWeights(Operands& operands)
      : SummedWeights(operands), tables_(operands.forward_tables()), dy_offsets_(operands.dy_offsets()) {
    const int64_t whole_vectors = (problem_.out_width + k_.width - 1) / k_.width * k_.width;
    planes_ =
        layout_.take<float>(operands.backward_images() * problem_.out_height * whole_vectors * problem_.params.filters);
  }

  int64_t scratch_size() const override { return layout_.size(); }
  void run(int64_t count, const WeightsRun& r) const override {
    begin(r);
    GemmRowsWeightsArgs a{};
    a.x = r.x, a.x_offset = tables_.x_offset.data(), a.k_offset = tables_.k_offset.data();
    a.pixels = count * problem_.pixels(), a.row = problem_.out_width;
    a.depth = problem_.depth(), a.cols = problem_.params.filters;
    a.dy = r.gradient.framed, a.dy_offset = dy_offsets_.data(), a.dw = r.partial, a.ldw = problem_.params.filters;
    a.planes = planes_.in(r.scratch);
    k_.gemm_rows_weights(a);
  }

 private:
  const ForwardTables& tables_;
  const Offsets& dy_offsets_;
  ScratchLayout layout_;
  ScratchArray<float> planes_;
};

OperandNeeds rows_forward_needs(const Conv2dProblem& p, const Kernels&) {
  return {.framed_x = true, .x_border = p.params.padding};
}
OperandNeeds rows_weights_needs(const Conv2dProblem& p, const Kernels&) {
  return {.framed_x = true, .x_border = p.params.padding, .framed_dy = true, .rounded_dy = true};
}

}  // namespace

const ForwardCandidate kRowsForward = {
    .name = "rows", .speed = rows_speed, .needs = rows_forward_needs, .make = make_pass<ForwardPass, RowsForward>};
const WeightsCandidate kRowsWeights = {
    .name = "rows", .speed = rows_speed, .needs = rows_weights_needs, .make = make_pass<WeightsPass, RowsWeights>};

}  // namespace cnncore
