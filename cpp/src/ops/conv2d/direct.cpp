// The direct sum: matrix products over pixels, whose operands are found by tables of offsets (kernels/contracts.h). It
// applies to every convolution.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/flipped_kernel.h"
#include "ops/conv2d/weights_sum.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

double direct_speed(const Conv2dProblem&, const Kernels&) { return 1.0; }

class DirectForward : public ForwardPass {
 public:
  explicit DirectForward(Operands& operands)
      : p_(operands.problem()),
        k_(kernels_for_columns(operands.kernels(), p_.group_filters())),
        tables_(operands.forward_tables()) {}

  void run(int64_t count, Share share, const ForwardRun& r) const override {
    const bool pool = p_.fusion.max_pool;
    const int64_t outputs = count * (pool ? p_.windows() : p_.pixels()), begin = share.begin(outputs);
    const int64_t channels = p_.group_channels(), filters = p_.group_filters();
    GemmPoolArgs a{};
    a.x_offset = tables_.x_offset.data() + (pool ? 4 * begin : begin), a.k_offset = tables_.k_offset.data();
    a.pixels = (share.end(outputs) - begin) * (pool ? 4 : 1), a.depth = p_.depth(), a.cols = filters;
    a.ldw = p_.params.filters, a.relu = p_.relu(), a.stream = p_.streams(filters, k_);
    a.y_offset = tables_.y_offset.data() + begin, a.fetch_y = p_.fetches_y();
    for (int64_t g = 0; g < p_.params.groups; ++g) {
      const int64_t f = g * filters;
      a.x = r.x + g * channels, a.w = r.kernel + f, a.bias = r.bias ? r.bias + f : nullptr;
      a.y = r.y + f, a.winner = r.winner ? r.winner + f : nullptr;
      pool ? k_.gemm_pool(a) : k_.gemm(a);
    }
  }
  IndexRange output_rows(Share share) const override {
    const int64_t side = p_.fusion.max_pool ? 2 : 1, outputs = p_.pixels() / (side * side);
    return rows_of_units(share.begin(outputs), share.end(outputs), p_.used_width / side, side);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  const ForwardTables& tables_;
};

// The gradient of the input as convolutions of dy with the flipped kernel. There is one convolution for each remainder
// of the input's position divided by the stride.
class DirectData : public DataPass {
 public:
  explicit DirectData(Operands& operands)
      : p_(operands.problem()),
        k_(kernels_for_columns(operands.kernels(), p_.group_channels())),
        images_(operands.backward_images()),
        phases_(data_phases(p_.params, operands.dy_frame(), images_)) {}

  int64_t packed_size() const override { return p_.kernel_size(); }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    for (const StridePhase& phase : phases_) {
      pack_flipped(p_, k_, phase.taps, channels, kernel, packed);
      packed += packed_phase_size(phase);
    }
  }
  void run(int64_t count, const DataRun& r) const override {
    const int64_t channels = p_.group_channels(), filters = p_.group_filters();
    const float* packed = r.packed;
    for (const StridePhase& phase : phases_) {
      GemmArgs a{};
      a.x_offset = phase.dy_offset.data(), a.k_offset = phase.k_offset.data();
      a.pixels = static_cast<int64_t>(phase.dy_offset.size()) / images_ * count;
      a.depth = static_cast<int64_t>(phase.taps.size()) * filters, a.cols = channels;
      a.ldw = p_.params.in_channels, a.y_offset = phase.dx_offset.data(), a.stream = p_.streams(channels, k_);
      a.relu = r.relu, a.fetch_y = p_.fetches_y();
      for (int64_t g = 0; g < p_.params.groups; ++g) {
        a.x = r.gradient.framed + g * filters, a.w = packed + g * channels, a.y = r.dx + g * channels;
        a.bias = r.bias ? r.bias + g * channels : nullptr;
        k_.gemm(a);
      }
      packed += packed_phase_size(phase);
    }
  }

 private:
  int64_t packed_phase_size(const StridePhase& phase) const {
    return static_cast<int64_t>(phase.taps.size()) * p_.params.filters * p_.group_channels();
  }

  const Conv2dProblem& p_;
  const Kernels& k_;
  int64_t images_;
  std::vector<StridePhase> phases_;
};

class DirectWeights : public SummedWeights {
 public:
  explicit DirectWeights(Operands& operands)
      : SummedWeights(operands),
        columns_(kernels_for_columns(k_, problem_.group_filters())),
        tables_(operands.forward_tables()),
        dy_offsets_(operands.dy_offsets()) {}

  void run(int64_t count, const WeightsRun& r) const override {
    const int64_t channels = problem_.group_channels(), filters = problem_.group_filters();
    GemmWeightsArgs a{};
    a.x_offset = tables_.x_offset.data(), a.k_offset = tables_.k_offset.data();
    a.pixels = count * problem_.pixels(), a.depth = problem_.depth(), a.cols = filters;
    a.dy_offset = dy_offsets_.data(), a.ldw = problem_.params.filters, a.overwrite = r.overwrite;
    for (int64_t g = 0; g < problem_.params.groups; ++g) {
      a.x = r.x + g * channels, a.dy = r.gradient.framed + g * filters, a.dw = r.partial + g * filters;
      columns_.gemm_weights(a);
    }
  }

 private:
  const Kernels& columns_;
  const ForwardTables& tables_;
  const Offsets& dy_offsets_;
};

OperandNeeds direct_forward_needs(const Conv2dProblem& p, const Kernels&) {
  return {.framed_x = true, .x_border = p.params.padding};
}
OperandNeeds direct_data_needs(const Conv2dProblem& p, const Kernels&) {
  return {.framed_dy = true, .dy_border = data_border(p.params), .rounded_dy = true};
}
OperandNeeds direct_weights_needs(const Conv2dProblem& p, const Kernels&) {
  return {.framed_x = true, .x_border = p.params.padding, .framed_dy = true, .rounded_dy = true};
}

}  // namespace

const ForwardCandidate kDirectForward = {.name = "direct",
                                         .speed = direct_speed,
                                         .needs = direct_forward_needs,
                                         .make = make_pass<ForwardPass, DirectForward>};
const DataCandidate kDirectData = {
    .name = "direct", .speed = direct_speed, .needs = direct_data_needs, .make = make_pass<DataPass, DirectData>};
const WeightsCandidate kDirectWeights = {.name = "direct",
                                         .speed = direct_speed,
                                         .needs = direct_weights_needs,
                                         .make = make_pass<WeightsPass, DirectWeights>};

}  // namespace cnncore
