// The gradients of a convolution with a fused 2x2 max-pool. At least three quarters of the gradient of the output are
// zero, so only the winners of the pool are visited. The window of one filter's kernel is kept in vectors, with each
// row padded to whole vectors, while the loop runs over the winners of that filter.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/frame.h"
#include "ops/conv2d/weights_sum.h"

namespace cnncore {
namespace {

// A window of the input, row by row. A row has kernel_width * in_channels floats, and is padded to whole vectors.
struct Window {
  Window(const Conv2dProblem& p, const Kernels& k)
      : rows(p.params.kernel_height),
        row(p.params.kernel_width * p.params.in_channels),
        padded_row((row + k.width - 1) / k.width * k.width) {}
  int64_t size() const { return rows * padded_row; }
  /// Whether the last vector of a row reaches beyond the row.
  bool overhangs() const { return row % padded_row != 0; }

  int64_t rows, row, padded_row;
};

// The lanes that pad the rows of a window do useless work. If they are more than half of all lanes, this is not worth
// it.
double winners_speed(const Conv2dProblem& p, const Kernels& k) {
  const Window window(p, k);
  const double full = static_cast<double>(window.row) / static_cast<double>(window.padded_row);
  return p.fusion.max_pool && p.params.groups == 1 && p.params.dilation_width == 1 && full >= 0.5 ? 3.2 * full : 0.0;
}

// The gradient of the input is written at places that follow no order, so it had best stay in the first cache.
constexpr int64_t kFirstCacheFloats = 8192;
double winners_data_speed(const Conv2dProblem& p, const Kernels& k) {
  const int64_t size = p.params.in_height * p.params.in_width * p.params.in_channels;
  return winners_speed(p, k) * (size <= kFirstCacheFloats ? 1.0 : 0.5);
}

// Where the vectors of a window begin, relative to the beginning of the window in the frame of x.
Offsets vector_offsets(Operands& operands) {
  const Conv2dProblem& p = operands.problem();
  const Window window(p, operands.kernels());
  Offsets offsets;
  for (int64_t ky = 0; ky < window.rows; ++ky)
    for (int64_t at = 0; at < window.padded_row; at += operands.kernels().width)
      offsets.push_back(operands.forward_tables().tap_offset[static_cast<size_t>(ky * p.params.kernel_width)] +
                        static_cast<int32_t>(at));
  return offsets;
}

SparseArgs sparse_args(const Conv2dProblem& p, const WinnerLists& lists, const Offsets& vectors) {
  SparseArgs a{};
  a.value = lists.value, a.offset = lists.offset, a.count = lists.count, a.capacity = lists.capacity;
  a.channels = p.params.filters, a.run_offset = vectors.data(), a.vectors = static_cast<int64_t>(vectors.size());
  return a;
}

class WinnersData : public DataPass {
 public:
  explicit WinnersData(Operands& operands)
      : p_(operands.problem()),
        k_(operands.kernels()),
        frame_(operands.x_frame()),
        window_(p_, k_),
        vectors_(vector_offsets(operands)),
        framed_(frame_.has_border() || window_.overhangs()) {
    if (framed_) dx_copy_ = layout_.take<float>(operands.backward_images() * frame_.size() + k_.width);
  }

  int64_t scratch_size() const override { return layout_.size(); }
  int64_t packed_size() const override { return window_.size() * p_.params.filters; }
  // Writes the window of each filter, one after the other. The padding is zero.
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    const int64_t filters = p_.params.filters, all = p_.params.in_channels;
    for (int64_t ky = 0; ky < window_.rows; ++ky) {
      for (int64_t kx = 0; kx < p_.params.kernel_width; ++kx) {
        const int64_t at = kx * all + channels.begin;
        k_.transpose(kernel + (ky * window_.row + at) * filters, filters, packed + ky * window_.padded_row + at,
                     window_.size(), channels.size(), filters);
      }
      for (int64_t f = 0; f < filters && channels.end == all; ++f)
        std::fill_n(packed + f * window_.size() + ky * window_.padded_row + window_.row,
                    window_.padded_row - window_.row, 0.0f);
    }
  }
  void run(int64_t count, const DataRun& r) const override {
    float* framed = framed_ ? dx_copy_.in(r.scratch) : r.dx;
    std::fill_n(framed, count * frame_.size(), 0.0f);
    SparseArgs a = sparse_args(p_, r.gradient.lists, vectors_);
    a.wt = r.packed, a.dx = framed;
    k_.sparse_data(a);
    if (framed_) copy_out_of_frame(frame_, count, framed, r.dx);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  const Frame& frame_;
  Window window_;
  Offsets vectors_;
  bool framed_;
  ScratchLayout layout_;
  ScratchArray<float> dx_copy_;
};

class WinnersWeights : public WeightsPass {
 public:
  explicit WinnersWeights(Operands& operands)
      : p_(operands.problem()), k_(operands.kernels()), window_(p_, k_), vectors_(vector_offsets(operands)) {
    rows_per_task_ = std::clamp<int64_t>(kFloatsPerReduction / p_.params.filters, 1, window_.row);
  }

  int64_t partial_size() const override { return aligned_count<float>(window_.size() * p_.params.filters); }
  void run(int64_t, const WeightsRun& r) const override {
    SparseArgs a = sparse_args(p_, r.gradient.lists, vectors_);
    a.x = r.x, a.dwt = r.partial, a.overwrite = r.overwrite;
    k_.sparse_weights(a);
  }

  // A task sums some of the rows (kx, channel) of one ky.
  int64_t reduce_tasks() const override { return window_.rows * tasks_per_ky(); }
  GradientRange reduce(int64_t task, const Partials& partials, float* dkernel) const override {
    const int64_t filters = p_.params.filters, ky = task / tasks_per_ky();
    const int64_t first = task % tasks_per_ky() * rows_per_task_, rows = std::min(rows_per_task_, window_.row - first);
    const int64_t at = ky * window_.padded_row + first;
    // The sum is written to the first partial, and then transposed.
    for (int64_t f = 0; f < filters; ++f)
      sum_partials(k_, partials, f * window_.size() + at, rows, partials.first + f * window_.size() + at);
    const int64_t begin = (ky * window_.row + first) * filters;
    k_.transpose(partials.first + at, window_.size(), dkernel + begin, filters, filters, rows);
    return {begin, rows * filters};
  }

 private:
  int64_t tasks_per_ky() const { return (window_.row + rows_per_task_ - 1) / rows_per_task_; }

  const Conv2dProblem& p_;
  const Kernels& k_;
  Window window_;
  Offsets vectors_;
  int64_t rows_per_task_;
};

OperandNeeds winners_data_needs(const Conv2dProblem& p, const Kernels&) {
  return {.x_border = p.params.padding, .winner_lists = true};
}
OperandNeeds winners_weights_needs(const Conv2dProblem& p, const Kernels& k) {
  return {.framed_x = true, .x_border = p.params.padding, .x_overhang = Window(p, k).overhangs(), .winner_lists = true};
}

}  // namespace

const DataCandidate kWinnersData = {.name = "winners",
                                    .speed = winners_data_speed,
                                    .needs = winners_data_needs,
                                    .make = make_pass<DataPass, WinnersData>};
const WeightsCandidate kWinnersWeights = {.name = "winners",
                                          .speed = winners_speed,
                                          .needs = winners_weights_needs,
                                          .make = make_pass<WeightsPass, WinnersWeights>};

}  // namespace cnncore
