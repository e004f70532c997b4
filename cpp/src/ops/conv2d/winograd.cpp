// Convolutions with 3x3 kernels by Winograd's F(2x2, 3x3) (kernels/winograd.inl.h). They take 2.25 times fewer products
// than the direct sum, but move more data. The gradient of the kernel moves the most.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/flipped_kernel.h"
#include "ops/conv2d/weights_sum.h"

namespace cnncore {
namespace {

constexpr int64_t kSquaresPerCall = 192;
constexpr int64_t kSquaresPerGradient = 64;
constexpr int64_t kMostWinogradImages = 8;

// The size of what is computed: an image of height x width pixels with `channels` channels, from an image with `from`
// channels.
struct Result {
  int64_t height, width, channels, from;
};
Result output(const Conv2dProblem& p) { return {p.used_height, p.used_width, p.params.filters, p.params.in_channels}; }
Result input_gradient(const Conv2dProblem& p) {
  return {p.params.in_height, p.params.in_width, p.params.in_channels, p.params.filters};
}

// Whether Winograd's algorithm is worth it. Its sixteen products for each square must be clearly fewer than the nine
// products for each pixel that the direct sum takes, and the vectors of the result must be full. The image that is read
// must have at least one full vector of channels. A last vector with fewer channels is allowed, because only the
// transformation of the image computes its empty lanes in vain.
bool pays(const Conv2dProblem& p, const Result& r, const Kernels& k) {
  return p.params.kernel_height == 3 && p.params.kernel_width == 3 && p.unit_strides() && p.unit_dilation() &&
         p.params.groups == 1 && r.from >= k.width && r.channels % k.width == 0 &&
         4 * 16 * square_count(r.height, r.width) <= 3 * 9 * r.height * r.width;
}

double forward_speed(const Conv2dProblem& p, const Kernels& k) { return pays(p, output(p), k) ? 1.8 : 0.0; }
double data_speed(const Conv2dProblem& p, const Kernels& k) { return pays(p, input_gradient(p), k) ? 1.8 : 0.0; }
double weights_speed(const Conv2dProblem& p, const Kernels& k) {
  return pays(p, output(p), k) && p.params.in_channels % k.width == 0 && !p.fusion.max_pool ? 1.3 : 0.0;
}

int64_t images_for(int64_t wanted_squares, const Result& r) {
  const int64_t per_image = std::max<int64_t>(square_count(r.height, r.width), 1);
  return std::clamp<int64_t>((wanted_squares + per_image - 1) / per_image, 1, kMostWinogradImages);
}

// If the result has an odd height or width, its last squares read one more row or column.
Padding grown(Padding border, const Result& r) {
  border.bottom += r.height % 2;
  border.right += r.width % 2;
  return border;
}

// The scratch memory of the kernel: for a few squares at a time, sixteen transformed values of each channel (in whole
// vectors), and of two vectors of filters.
int64_t square_space(int64_t channels, const Kernels& k) {
  return 16 * 13 * ((channels + k.width - 1) / k.width * k.width + 2 * k.width);
}

// The arguments of the kernel for squares [begin, end), which read images in `frame`.
WinogradArgs winograd_args(const Squares& squares, const Frame& frame, int64_t begin, int64_t end, bool pool) {
  WinogradArgs a{};
  a.x_offset = squares.x_offset.data() + begin, a.y_offset = squares.y_offset.data() + (pool ? begin : 4 * begin);
  a.x_pixel = a.channels = frame.channels, a.x_row = frame.full_width() * frame.channels;
  a.squares = end - begin, a.pool = pool;
  return a;
}

class WinogradForward : public ForwardPass {
 public:
  explicit WinogradForward(Operands& operands)
      : p_(operands.problem()), k_(operands.kernels()), frame_(operands.x_frame()) {
    squares_ = squares(frame_, 0, {p_.used_height, p_.used_width, p_.params.filters, {}}, operands.images());
    if (p_.fusion.max_pool) squares_.y_offset = operands.forward_tables().y_offset;
    space_ = layout_.take<float>(square_space(p_.params.in_channels, k_));
  }

  int64_t scratch_size() const override { return layout_.size(); }
  int64_t packed_size() const override { return 16 * p_.params.in_channels * p_.params.filters; }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    const int64_t all = p_.params.in_channels, filters = p_.params.filters;
    int64_t tap[9];
    for (int64_t t = 0; t < 9; ++t) tap[t] = t * all * filters;
    k_.winograd_weights({.kernel = kernel,
                         .tap = tap,
                         .kernel_row = filters,
                         .channels = all,
                         .filters = filters,
                         .w = packed,
                         .range = channels});
  }
  void run(int64_t count, Share share, const ForwardRun& r) const override {
    const int64_t total = count * squares_.per_image;
    WinogradArgs a = winograd_args(squares_, frame_, share.begin(total), share.end(total), p_.fusion.max_pool);
    a.x = r.x, a.w = r.packed, a.bias = r.bias, a.y = r.y, a.filters = p_.params.filters;
    a.relu = p_.relu(), a.stream = p_.streams(a.filters, k_), a.winner = r.winner, a.scratch = space_.in(r.scratch);
    k_.winograd(a);
  }
  IndexRange output_rows(Share share) const override {
    return rows_of_units(share.begin(squares_.per_image), share.end(squares_.per_image), (p_.used_width + 1) / 2, 2);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  const Frame& frame_;
  Squares squares_;
  ScratchLayout layout_;
  ScratchArray<float> space_;
};

// The gradient of the input, as a convolution of dy with the flipped kernel, which goes from filters to channels.
class WinogradData : public DataPass {
 public:
  explicit WinogradData(Operands& operands)
      : p_(operands.problem()), k_(operands.kernels()), frame_(operands.dy_frame()) {
    // The window of the first pixel begins at the output that reads this pixel by the last tap of the kernel.
    const int32_t begin = frame_.offset(p_.params.padding.top - 2, p_.params.padding.left - 2);
    squares_ = squares(frame_, begin, {p_.params.in_height, p_.params.in_width, p_.params.in_channels, {}},
                       operands.backward_images());
    space_ = layout_.take<float>(square_space(p_.params.filters, k_));
    for (int64_t t = 0; t < 9; ++t) taps_.push_back(t);
  }

  int64_t scratch_size() const override { return layout_.size(); }
  // The transformed kernel, and after it the flipped kernel from which it is made.
  int64_t packed_size() const override { return (16 + 9) * p_.params.in_channels * p_.params.filters; }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    const int64_t all = p_.params.in_channels, filters = p_.params.filters;
    float* flipped = packed + 16 * all * filters;
    pack_flipped(p_, k_, taps_, channels, kernel, flipped);
    int64_t tap[9];
    for (int64_t t = 0; t < 9; ++t) tap[t] = (8 - t) * all * filters;
    k_.winograd_weights({.kernel = flipped + channels.begin,
                         .tap = tap,
                         .kernel_row = all,
                         .channels = filters,
                         .filters = channels.size(),
                         .w = packed + 16 * filters * channels.begin,
                         .range = {0, filters}});
  }
  void run(int64_t count, const DataRun& r) const override {
    WinogradArgs a = winograd_args(squares_, frame_, 0, count * squares_.per_image, false);
    a.x = r.gradient.framed, a.w = r.packed, a.bias = r.bias, a.y = r.dx, a.filters = p_.params.in_channels;
    a.relu = r.relu;
    a.stream = p_.streams(a.filters, k_), a.scratch = space_.in(r.scratch);
    k_.winograd(a);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  const Frame& frame_;
  Squares squares_;
  std::vector<int64_t> taps_;
  ScratchLayout layout_;
  ScratchArray<float> space_;
};

class WinogradWeights : public WeightsPass {
 public:
  explicit WinogradWeights(Operands& operands)
      : p_(operands.problem()),
        k_(operands.kernels()),
        x_frame_(operands.x_frame()),
        dy_frame_(operands.dy_frame()),
        squares_(
            squares(x_frame_, 0, {p_.used_height, p_.used_width, p_.params.filters, {}}, operands.backward_images())) {
    for (int64_t n = 0; n < operands.backward_images(); ++n)
      for (int64_t i = 0; i < dy_frame_.height; i += 2)
        for (int64_t j = 0; j < dy_frame_.width; j += 2)
          dy_offset_.push_back(static_cast<int32_t>(n * dy_frame_.size()) + dy_frame_.offset(i, j));
    for (int64_t c = 0; c < p_.params.in_channels; ++c) count_up_.push_back(static_cast<int32_t>(c));
    space_ = layout_.take<float>(16 * 96 * (p_.params.in_channels + p_.params.filters));
  }

  int64_t scratch_size() const override { return layout_.size(); }
  int64_t partial_size() const override { return 16 * p_.params.in_channels * p_.params.filters; }
  void run(int64_t count, const WeightsRun& r) const override {
    k_.winograd_gradient({.x = r.x,
                          .x_offset = squares_.x_offset.data(),
                          .x_pixel = x_frame_.channels,
                          .x_row = x_frame_.full_width() * x_frame_.channels,
                          .dy = r.gradient.framed,
                          .dy_offset = dy_offset_.data(),
                          .dy_pixel = dy_frame_.channels,
                          .dy_row = dy_frame_.full_width() * dy_frame_.channels,
                          .squares = count * squares_.per_image,
                          .channels = p_.params.in_channels,
                          .filters = p_.params.filters,
                          .count_up = count_up_.data(),
                          .du = r.partial,
                          .scratch = space_.in(r.scratch),
                          .overwrite = r.overwrite});
  }

  // A task computes some of the channels and filters of one ky, for its three kx.
  int64_t reduce_tasks() const override { return 3 * tasks_per_ky(); }
  GradientRange reduce(int64_t task, const Partials& partials, float* dkernel) const override {
    const int64_t ky = task / tasks_per_ky(), plane = p_.params.in_channels * p_.params.filters;
    const int64_t first = task % tasks_per_ky() * kFloatsPerReduction;
    const int64_t size = std::min(kFloatsPerReduction, plane - first);
    k_.winograd_reduce({.du = partials.first,
                        .count = partials.count,
                        .stride = partials.stride,
                        .ky = ky,
                        .channels = p_.params.in_channels,
                        .filters = p_.params.filters,
                        .dw = dkernel + 3 * ky * plane,
                        .range = {first, first + size}});
    return {3 * ky * plane + first, size, 3, plane};
  }

 private:
  int64_t tasks_per_ky() const {
    return (p_.params.in_channels * p_.params.filters + kFloatsPerReduction - 1) / kFloatsPerReduction;
  }

  const Conv2dProblem& p_;
  const Kernels& k_;
  const Frame& x_frame_;
  const Frame& dy_frame_;
  Squares squares_;
  Offsets dy_offset_, count_up_;
  ScratchLayout layout_;
  ScratchArray<float> space_;
};

OperandNeeds winograd_forward_needs(const Conv2dProblem& p, const Kernels&) {
  return {.images = images_for(kSquaresPerCall, output(p)),
          .framed_x = true,
          .x_border = grown(p.params.padding, output(p))};
}
OperandNeeds winograd_data_needs(const Conv2dProblem& p, const Kernels&) {
  // The windows of squares are one pixel larger than those of single pixels, so the last squares read one pixel more.
  Padding border = data_border(p.params);
  border.bottom = std::max(border.bottom, 2 - p.params.padding.bottom + p.params.in_height % 2);
  border.right = std::max(border.right, 2 - p.params.padding.right + p.params.in_width % 2);
  return {.framed_dy = true, .dy_border = border, .rounded_dy = true};
}
OperandNeeds winograd_weights_needs(const Conv2dProblem& p, const Kernels&) {
  return {.images = images_for(kSquaresPerGradient, output(p)),
          .framed_x = true,
          .x_border = grown(p.params.padding, output(p)),
          .framed_dy = true,
          .dy_border = grown({}, output(p)),
          .rounded_dy = true};
}

}  // namespace

const ForwardCandidate kWinogradForward = {.name = "winograd",
                                           .speed = forward_speed,
                                           .needs = winograd_forward_needs,
                                           .make = make_pass<ForwardPass, WinogradForward>};
const DataCandidate kWinogradData = {
    .name = "winograd", .speed = data_speed, .needs = winograd_data_needs, .make = make_pass<DataPass, WinogradData>};
const WeightsCandidate kWinogradWeights = {.name = "winograd",
                                           .speed = weights_speed,
                                           .needs = winograd_weights_needs,
                                           .make = make_pass<WeightsPass, WinogradWeights>};

}  // namespace cnncore
