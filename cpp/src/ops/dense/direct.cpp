// The direct sum. It applies to every layer. It uses the kernels of convolutions, for which a sample is one pixel.
#include <algorithm>
#include <numeric>
#include <vector>

#include "ops/activation_rows.h"
#include "ops/dense/one_sample.h"
#include "ops/rounding.h"
#include "ops/skip_panels.h"

namespace cnncore {
namespace {

// A task has this many rows of dkernel: a multiple of the number of rows that kernels keep in registers, on every
// instruction set.
constexpr int64_t kRowsPerTask = 48;

double direct_speed(const DenseProblem&, const Kernels&) { return 1.0; }

class DirectDense : public DenseAlgorithm {
 public:
  DirectDense(const DenseProblem& problem, const Kernels& kernels);

  int64_t scratch_size() const override { return std::max(one_sample_.scratch_size(), layout_.size()); }
  // The packed kernel consists of two parts. The first is for forward: the kernel rounded (in a reduced precision), or
  // in panels (if zeros are skipped). The second is for the gradient of the input: the kernel transposed.
  int64_t packed_size() const override { return packed_forward() + p_.kernel_size() * p_.fusion.input_grad; }
  int64_t tasks() const override { return (p_.params.features + kRowsPerTask - 1) / kRowsPerTask; }
  void pack(int64_t task, const float* kernel, float* packed) const override;

  void forward(int64_t count, const DenseRun& run) const override;
  void forward_part(int64_t part, int64_t parts, const DenseRun& run, float* common) const override {
    one_sample_.part(part, parts, run, common);
  }
  void join_parts(const DenseRun& run, const float* common) const override {
    one_sample_.join(run, common);
    if (p_.relu()) activation_rows(k_, Activation::relu, 1, p_.params.units, run.y, run.y);
  }

  void backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const override;
  DenseRange weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel,
                     float* scratch) const override;

 private:
  const float* operand_of(const float* dy, int64_t count, float* scratch) const;
  bool skips_zeros() const {
    return p_.fusion.skip_zeros && !p_.reduced() &&
           takes_skips(p_.params.features / pieces_.count, p_.params.units, p_.kernel_size());
  }
  // The gradient of the kernel reads one value of each sample after the other. If samples are long, these lie so far
  // apart that leaving out products is not faster.
  bool skips_in_weights() const { return skips_zeros() && p_.params.features <= kMostSkipTerms; }
  int64_t packed_forward() const { return p_.reduced() || skips_zeros() ? p_.kernel_size() : 0; }
  DenseRange rows_of(int64_t task) const {  // the rows of the kernel that belong to a task
    const int64_t begin = task * kRowsPerTask;
    return {begin, std::min(kRowsPerTask, p_.params.features - begin)};
  }

  DenseProblem p_;
  const Kernels& k_;
  OneSample one_sample_;
  FeaturePieces pieces_;
  std::vector<int32_t> x_offset_, y_offset_;  // where each sample begins
  std::vector<int32_t> term_;                 // 0, 1, 2, ...
  ScratchLayout layout_;
  ScratchArray<float> rounded_x_, rounded_dy_;
};

DirectDense::DirectDense(const DenseProblem& problem, const Kernels& kernels)
    : p_(problem), k_(kernels), one_sample_(problem, kernels), pieces_(problem.params.features) {
  for (int64_t n = 0; n < p_.samples; ++n) {
    x_offset_.push_back(static_cast<int32_t>(n * p_.params.features));
    y_offset_.push_back(static_cast<int32_t>(n * p_.params.units));
  }
  term_.resize(static_cast<size_t>(std::max(p_.params.features, p_.params.units)));
  std::iota(term_.begin(), term_.end(), 0);
  if (!p_.reduced()) return;
  rounded_x_ = layout_.take<float>(p_.samples * p_.params.features);
  rounded_dy_ = layout_.take<float>(p_.samples * p_.params.units);
}

void DirectDense::pack(int64_t task, const float* kernel, float* packed) const {
  const DenseRange rows = rows_of(task);
  const float* from = kernel + rows.begin * p_.params.units;
  if (p_.reduced()) {
    float* rounded = packed + rows.begin * p_.params.units;
    round_operand(k_, p_.params.precision, from, rounded, rows.size * p_.params.units);
    from = rounded;
    packed += p_.kernel_size();
  }
  if (skips_zeros()) {
    pack_skip_panels(kernel, p_.params.features, p_.params.units, rows.begin, rows.begin + rows.size, packed);
    packed += p_.kernel_size();
  }
  if (p_.fusion.input_grad)
    k_.transpose(from, p_.params.units, packed + rows.begin, p_.params.features, rows.size, p_.params.units);
}

void DirectDense::forward(int64_t count, const DenseRun& r) const {
  const int64_t units = p_.params.units;
  const float* x = r.x;
  const float* kernel = r.kernel;
  if (p_.reduced()) {
    float* rounded = rounded_x_.in(r.scratch);
    round_operand(k_, p_.params.precision, x, rounded, count * p_.params.features);
    x = rounded, kernel = r.packed;
  }
  for (int64_t n = 0; n < count; ++n)
    r.bias ? std::copy_n(r.bias, units, r.y + n * units) : std::fill_n(r.y + n * units, units, 0.0f);
  for (int64_t i = 0; i < pieces_.count; ++i) {
    const int64_t begin = pieces_.begin(i);
    const GemmArgs piece{.x = x + begin,
                         .x_offset = x_offset_.data(),
                         .k_offset = term_.data(),
                         .pixels = count,
                         .depth = pieces_.begin(i + 1) - begin,
                         .cols = units,
                         .w = kernel + begin * units,
                         .ldw = units,
                         .bias = nullptr,
                         .y = r.y,
                         .y_offset = y_offset_.data(),
                         .relu = p_.relu() && i + 1 == pieces_.count,
                         .accumulate = true};
    if (!skips_zeros()) {
      k_.gemm(piece);
      continue;
    }
    GemmSkipArgs skipping{piece, p_.params.features * kSkipColumns, r.finite_kernel};
    skipping.w = r.packed + begin * kSkipColumns;
    k_.gemm_skip(skipping);
  }
}

// Returns dy as an operand of a product: rounded in a reduced precision, and otherwise as it is. The gradient of the
// bias, which is a sum and not a product, reads dy without rounding.
const float* DirectDense::operand_of(const float* dy, int64_t count, float* scratch) const {
  if (!p_.reduced()) return dy;
  float* rounded = rounded_dy_.in(scratch);
  round_operand(k_, p_.params.precision, dy, rounded, count * p_.params.units);
  return rounded;
}

void DirectDense::backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const {
  k_.gemm({.x = operand_of(dy, count, scratch),
           .x_offset = y_offset_.data(),
           .k_offset = term_.data(),
           .pixels = count,
           .depth = p_.params.units,
           .cols = p_.params.features,
           .w = packed + packed_forward(),
           .ldw = p_.params.features,
           .bias = nullptr,
           .y = dx,
           .y_offset = x_offset_.data(),
           .relu = false});
}

DenseRange DirectDense::weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel,
                                float* scratch) const {
  const int64_t features = p_.params.features, units = p_.params.units;
  const DenseRange rows = rows_of(task), range{rows.begin * units, rows.size * units};
  if (batch == 0) std::fill_n(dkernel + range.begin, range.size, 0.0f);
  x += rows.begin;
  for (int64_t n = 0; n < batch; n += p_.samples, x += p_.samples * features) {
    const int64_t count = std::min(p_.samples, batch - n);
    const float* operand = x;
    if (p_.reduced()) {
      float* rounded = rounded_x_.in(scratch);
      for (int64_t i = 0; i < count; ++i)
        round_operand(k_, p_.params.precision, x + i * features, rounded + i * features, rows.size);
      operand = rounded;
    }
    const GemmWeightsArgs part{.x = operand,
                               .x_offset = x_offset_.data(),
                               .k_offset = term_.data(),
                               .pixels = count,
                               .depth = rows.size,
                               .cols = units,
                               .dy = operand_of(dy + n * units, count, scratch),
                               .dy_offset = y_offset_.data(),
                               .dw = dkernel + range.begin,
                               .ldw = units,
                               .overwrite = n == 0};
    skips_in_weights() ? k_.gemm_weights_skip(part) : k_.gemm_weights(part);
  }
  return range;
}

}  // namespace

const DenseCandidate kDirectDense = {
    .name = "direct", .speed = direct_speed, .make = [](const DenseProblem& problem, const Kernels& kernels) {
      return std::unique_ptr<DenseAlgorithm>(std::make_unique<DirectDense>(problem, kernels));
    }};

}  // namespace cnncore
