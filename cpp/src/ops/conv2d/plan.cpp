#include "ops/conv2d/plan.h"

#include "ops/activation_rows.h"
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/frame.h"
#include "ops/conv2d/weights_sum.h"

namespace cnncore {
namespace {

// Small images are taken together until a call has this many pixels, which is a few times the largest block of pixels
// that a kernel keeps in registers. A call takes at most kMostImages images.
constexpr int64_t kPixelsPerCall = 48;
constexpr int64_t kMostImages = 16;

// A task of packing gets about this many floats of the kernel. Its number of channels is a multiple of kChannelStep.
constexpr int64_t kFloatsPerPacking = 1 << 13;
constexpr int64_t kChannelStep = kTileRows;

int64_t channels_per_task(const Conv2dProblem& p) {
  const int64_t per_channel = p.taps() * p.params.filters;
  const int64_t wanted = (kFloatsPerPacking + per_channel - 1) / per_channel;
  return (wanted + kChannelStep - 1) / kChannelStep * kChannelStep;
}

int64_t least_images(const Conv2dProblem& p) {
  return std::clamp<int64_t>((kPixelsPerCall + p.pixels() - 1) / std::max<int64_t>(p.pixels(), 1), 1, kMostImages);
}

}  // namespace

Conv2dPlan::Conv2dPlan(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels,
                       const Passes& passes) {
  const Conv2dProblem problem(params, fusion);
  const ForwardCandidate* forward = nullptr;
  const DataCandidate* data = nullptr;
  const WeightsCandidate* weights = nullptr;
  if (passes.forward) {
    forward = &choose_forward(problem, kernels, passes.forced.forward);
    algorithms_.forward = forward->name;
    forward_needs_ = forward->needs(problem, kernels);
    skips_zeros_ = forward == &kPointwiseForward;
  }
  if (passes.data) {
    data = &choose_data(problem, kernels, passes.forced.data);
    algorithms_.data = data->name;
    data_needs_ = data->needs(problem, kernels);
  }
  if (passes.weights) {
    weights = &choose_weights(problem, kernels, passes.forced.weights);
    algorithms_.weights = weights->name;
    weights_needs_ = weights->needs(problem, kernels);
  }
  const OperandNeeds least{.images = least_images(problem)};
  operands_ = std::make_unique<Operands>(problem, both(least, forward_needs_),
                                         both(least, both(data_needs_, weights_needs_)), kernels);
  if (forward) forward_ = forward->make(*operands_);
  if (data) data_ = data->make(*operands_);
  if (weights) weights_ = weights->make(*operands_);
  plan_memory();
}

void Conv2dPlan::plan_memory() {
  if (problem().reduced()) packed_rounded_ = aligned_count<float>(problem().kernel_size());
  if (forward_) packed_forward_ = aligned_count<float>(forward_->packed_size());
  packed_size_ = packed_rounded_ + packed_forward_ + (data_ ? aligned_count<float>(data_->packed_size()) : 0);
  if (weights_) kernel_partial_ = weights_->partial_size();
  // Passes run one after another, so they can use the same scratch memory.
  if (forward_) pass_scratch_ = forward_->scratch_size();
  if (data_) pass_scratch_ = std::max(pass_scratch_, data_->scratch_size());
  if (weights_) pass_scratch_ = std::max(pass_scratch_, weights_->scratch_size());
}

int64_t Conv2dPlan::pack_tasks() const {
  if (packed_size_ == 0) return 0;
  const int64_t step = channels_per_task(problem());
  return (problem().group_channels() + step - 1) / step;
}

void Conv2dPlan::pack(int64_t task, const float* kernel, float* packed) const {
  const Conv2dProblem& p = problem();
  const int64_t step = channels_per_task(p);
  const IndexRange channels{task * step, std::min((task + 1) * step, p.group_channels())};
  if (p.reduced()) {
    for (int64_t tap = 0; tap < p.taps(); ++tap) {
      const int64_t at = (tap * p.group_channels() + channels.begin) * p.params.filters;
      operands_->round(kernel + at, packed + at, channels.size() * p.params.filters);
    }
    kernel = packed;
  }
  packed += packed_rounded_;
  if (forward_) forward_->pack(channels, kernel, packed);
  if (data_) data_->pack(channels, kernel, packed + packed_forward_);
}

void Conv2dPlan::pack(const float* kernel, float* packed) const {
  for (int64_t task = 0; task < pack_tasks(); ++task) pack(task, kernel, packed);
}

// `rows` are the rows of x that are read.
ForwardRun Conv2dPlan::forward_run(int64_t count, IndexRange rows, const Conv2dRun& r) const {
  return {.x = forward_needs_.framed_x ? operands_->frame_x(count, r.x, false, rows, r.scratch) : r.x,
          .kernel = problem().reduced() ? r.packed : r.kernel,
          .packed = r.packed + packed_rounded_,
          .bias = r.bias,
          .y = r.y,
          .winner = r.winner,
          .scratch = r.scratch + operands_->scratch_size(),
          .finite_kernel = r.finite_kernel};
}

void Conv2dPlan::forward(int64_t count, Conv2dRun r) const {
  forward_->run(count, {}, forward_run(count, operands_->all_rows(), r));
  const int64_t filters = problem().params.filters;
  if (!problem().relu())
    activation_rows(kernels(), problem().fusion.activation, count * output_size() / filters, filters, r.y, r.y);
}

bool Conv2dPlan::splits() const { return problem().relu() || problem().fusion.activation == Activation::linear; }

void Conv2dPlan::forward_part(int64_t part, int64_t parts, Conv2dRun r) const {
  const Share share{part, parts};
  forward_->run(1, share, forward_run(1, operands_->rows_read_by(forward_->output_rows(share)), r));
}

void Conv2dPlan::backward(int64_t count, const Conv2dBackwardRun& r) const {
  const bool data = r.dx && data_, weights = r.partial && weights_;
  const bool framed = (data && data_needs_.framed_dy) || (weights && weights_needs_.framed_dy);
  const bool lists = (data && data_needs_.winner_lists) || (weights && weights_needs_.winner_lists);
  float* dbias = weights && r.bias ? r.partial + kernel_partial_ : nullptr;
  if (dbias && r.overwrite) std::fill_n(dbias, problem().params.filters, 0.0f);
  const OutputGradient gradient = operands_->gradient(count, {.y = r.y,
                                                              .winner = r.winner,
                                                              .dy = r.dy,
                                                              .dbias = dbias,
                                                              .framed = framed,
                                                              .lists = lists,
                                                              .scratch = r.scratch});
  float* scratch = r.scratch + operands_->scratch_size();
  if (weights) {
    const float* x = r.x;
    if (weights_needs_.framed_x)
      x = operands_->frame_x(count, r.x, weights_needs_.x_overhang, operands_->all_rows(), r.scratch);
    weights_->run(count,
                  {.x = x, .gradient = gradient, .partial = r.partial, .overwrite = r.overwrite, .scratch = scratch});
  }
  if (data)
    data_->run(
        count,
        {.gradient = gradient, .packed = r.packed + packed_rounded_ + packed_forward_, .dx = r.dx, .scratch = scratch});
}

void Conv2dPlan::transposed(int64_t count, const Conv2dRun& r, bool relu) const {
  data_->run(
      count,
      {.gradient = operands_->gradient(
           count,
           {.dy = r.x, .framed = data_needs_.framed_dy, .lists = data_needs_.winner_lists, .scratch = r.scratch}),
       .packed = r.packed + packed_rounded_ + packed_forward_,
       .bias = r.bias,
       .relu = relu,
       .dx = r.y,
       .scratch = r.scratch + operands_->scratch_size()});
}

void Conv2dPlan::reduce_bias(const Partials& partials, float* dbias) const {
  sum_partials(kernels(), partials, kernel_partial_, problem().params.filters, dbias);
}

std::string Conv2dPlan::algorithm() const {
  std::string text = algorithms_.forward;
  if (problem().fusion.max_pool) text += ", pooled";
  if (data_) text += std::string("; data ") + algorithms_.data;
  if (weights_) text += std::string("; weights ") + algorithms_.weights;
  return text;
}

}  // namespace cnncore
