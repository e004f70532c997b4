// Convolutions with 3x3 kernels by Winograd's algorithm (kernels/winograd.inl.h), in squares of 2x2 or 4x4 outputs.
// They take 2.25 or 4 times fewer products than the direct sum, but move more data. The gradient of the kernel moves
// the most. With strides of 2, squares of 2x2 outputs take 1.44 times fewer products in the forward pass.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/flipped_kernel.h"
#include "ops/conv2d/weights_sum.h"

namespace cnncore {
namespace {

constexpr int64_t kMostWinogradImages = 8;

// How many squares a call had best take.
constexpr int64_t squares_per_call(int64_t side) { return side == 2 ? 192 : 64; }
constexpr int64_t squares_per_gradient(int64_t side) { return side == 2 ? 64 : 32; }

// The transformed values of a square.
constexpr int64_t elements(int64_t side, int64_t stride = 1) {
  return winograd_patch_side(side, stride) * winograd_patch_side(side, stride);
}

// The size of what is computed: an image of height x width pixels with `channels` channels, from an image with `from`
// channels.
struct Result {
  int64_t height, width, channels, from;
  int64_t products(int64_t side, int64_t stride = 1) const {
    return elements(side, stride) * square_count(height, width, side);
  }
};
Result output(const Conv2dProblem& p) { return {p.used_height, p.used_width, p.params.filters, p.params.in_channels}; }
Result input_gradient(const Conv2dProblem& p) {
  return {p.params.in_height, p.params.in_width, p.params.in_channels, p.params.filters};
}

// Whether squares of this side are worth it: their products must be clearly fewer than nine for each pixel, which the
// direct sum takes, and vectors of the result must be full. The image that is read needs one full vector at least: of a
// last vector with fewer channels, only the transform has empty lanes.
bool pays(const Conv2dProblem& p, const Result& r, const Kernels& k, int64_t side, int64_t stride = 1) {
  return p.params.kernel_height == 3 && p.params.kernel_width == 3 && p.params.stride_height == stride &&
         p.params.stride_width == stride && p.unit_dilation() && p.params.groups == 1 && r.from >= k.width &&
         r.channels % k.width == 0 && 4 * r.products(side, stride) <= 3 * 9 * r.height * r.width;
}

// The share of the products of squares of 4x4 outputs that is not spent on pixels outside the result.
double kept(const Result& r) {
  return static_cast<double>(r.height * r.width * elements(4)) / static_cast<double>(16 * r.products(4));
}

// Squares of 4x4 outputs round more, and transforming their kernel takes longer. So they are used in networks only,
// where a transformed kernel serves many images, and not where precision is reduced. In inference a single image would
// wait for a very large kernel to come from memory.
constexpr int64_t kLeastWinogradChannels = 16, kMostForOneImage = int64_t{1} << 20;
constexpr double kLeastKept = 0.7;
bool pays_large(const Conv2dProblem& p, const Result& r, const Kernels& k) {
  const bool serves_many =
      p.fusion.training || (p.fusion.in_network && elements(4) * r.from * r.channels <= kMostForOneImage);
  return serves_many && !p.reduced() && r.from >= kLeastWinogradChannels && pays(p, r, k, 4) && kept(r) >= kLeastKept;
}

constexpr double kLarge = 2.6, kLargeWeights = 2.0, kStrided = 1.25;

double strided_speed(const Conv2dProblem& p, const Kernels& k) {
  const bool applies = p.fusion.in_network && !p.fusion.training && !p.fusion.max_pool && !p.reduced();
  return applies && pays(p, output(p), k, 2, 2) ? kStrided : 0.0;
}

template <int64_t S>
double forward_speed(const Conv2dProblem& p, const Kernels& k) {
  const Result r = output(p);
  if (S == 2) return pays(p, r, k, 2) ? 1.8 : 0.0;
  return pays_large(p, r, k) ? kLarge * kept(r) : 0.0;
}
template <int64_t S>
double data_speed(const Conv2dProblem& p, const Kernels& k) {
  const Result r = input_gradient(p);
  if (S == 2) return pays(p, r, k, 2) ? 1.8 : 0.0;
  return pays_large(p, r, k) ? kLarge * kept(r) : 0.0;
}
template <int64_t S>
double weights_speed(const Conv2dProblem& p, const Kernels& k) {
  const Result r = output(p);
  if (p.params.in_channels % k.width != 0 || p.fusion.max_pool) return 0.0;
  if (S == 2) return pays(p, r, k, 2) ? 1.3 : 0.0;
  return pays_large(p, r, k) ? kLargeWeights * kept(r) : 0.0;
}

int64_t images_for(int64_t wanted_squares, const Result& r, int64_t side) {
  const int64_t per_image = std::max<int64_t>(square_count(r.height, r.width, side), 1);
  return std::clamp<int64_t>((wanted_squares + per_image - 1) / per_image, 1, kMostWinogradImages);
}

// How many rows or columns the last squares reach beyond a result of this size.
int64_t overhang(int64_t size, int64_t side) { return (size + side - 1) / side * side - size; }

Padding grown(Padding border, const Result& r, int64_t side, int64_t stride = 1) {
  border.bottom += stride * overhang(r.height, side);
  border.right += stride * overhang(r.width, side);
  return border;
}

// The scratch memory of the kernel: for a few squares at a time, the transformed values of each channel (in whole
// vectors), and of two vectors of filters.
int64_t square_space(int64_t side, int64_t channels, const Kernels& k, int64_t stride = 1) {
  return elements(side, stride) * kMostWinogradSquares * ((channels + k.width - 1) / k.width * k.width + 2 * k.width);
}

// The arguments of the kernel for a range of squares, which read images in `frame`.
WinogradArgs winograd_args(const Squares& squares, const Frame& frame, IndexRange range, int64_t side, bool pool) {
  const int64_t outputs = pool ? side * side / 4 : side * side;
  WinogradArgs a{};
  a.side = side;
  a.x_offset = squares.x_offset.data() + range.begin, a.y_offset = squares.y_offset.data() + outputs * range.begin;
  a.x_pixel = a.channels = frame.channels, a.x_row = frame.full_width() * frame.channels;
  a.squares = range.size(), a.pool = pool;
  return a;
}

template <int64_t S, int64_t R = 1>
class WinogradForward : public ForwardPass {
 public:
  explicit WinogradForward(Operands& operands)
      : p_(operands.problem()), k_(operands.kernels()), frame_(operands.x_frame()) {
    const bool pool = p_.fusion.max_pool;
    const int64_t shrink = pool ? 2 : 1;
    const Frame y{p_.used_height / shrink, p_.used_width / shrink, p_.params.filters, {}};
    squares_ = squares(frame_, 0, y, operands.images(), S / shrink, pool ? 2 : R);
    space_ = layout_.take<float>(square_space(S, p_.params.in_channels, k_, R));
  }

  int64_t scratch_size() const override { return layout_.size(); }
  int64_t packed_size() const override { return elements(S, R) * p_.params.in_channels * p_.params.filters; }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    const int64_t all = p_.params.in_channels, filters = p_.params.filters;
    int64_t tap[9];
    for (int64_t t = 0; t < 9; ++t) tap[t] = t * all * filters;
    k_.winograd_weights({.side = S,
                         .kernel = kernel,
                         .tap = tap,
                         .kernel_row = filters,
                         .channels = all,
                         .filters = filters,
                         .w = packed,
                         .range = channels,
                         .stride = R});
  }
  void run(int64_t count, Share share, const ForwardRun& r) const override {
    const int64_t total = count * squares_.per_image, filters = p_.params.filters, block = 2 * k_.width;
    IndexRange range{share.begin(total), share.end(total)}, of_filters{0, filters};
    if (shares_filters(share)) {
      range = {0, total};
      of_filters = {share.begin(filters / block) * block, share.end(filters / block) * block};
    }
    WinogradArgs a = winograd_args(squares_, frame_, range, S, p_.fusion.max_pool);
    const int64_t first = of_filters.begin;
    a.x = r.x, a.w = r.packed + elements(S, R) * p_.params.in_channels * first, a.y = r.y + first;
    a.bias = r.bias ? r.bias + first : nullptr, a.winner = r.winner ? r.winner + first : nullptr;
    a.filters = of_filters.size(), a.stride = R;
    a.relu = p_.relu(), a.stream = p_.streams(filters, k_), a.scratch = space_.in(r.scratch);
    a.fetch_y = p_.fetches_y();
    k_.winograd(a);
  }
  IndexRange output_rows(Share share) const override {
    if (shares_filters(share)) return ForwardPass::output_rows(share);
    return rows_of_units(share.begin(squares_.per_image), share.end(squares_.per_image), (p_.used_width + S - 1) / S,
                         S);
  }

 private:
  // If there are few squares, each thread takes all of them for some of the filters. Of squares, each would take so few
  // at a time that it would wait for the transformed kernel, which it reads completely.
  bool shares_filters(Share share) const {
    constexpr int64_t kFewSquares = 8;
    const int64_t block = 2 * k_.width;  // filters whose transformed kernels lie together
    return squares_.per_image < kFewSquares * share.count && p_.params.filters % block == 0 &&
           p_.params.filters / block >= share.count;
  }

  const Conv2dProblem& p_;
  const Kernels& k_;
  const Frame& frame_;
  Squares squares_;
  ScratchLayout layout_;
  ScratchArray<float> space_;
};

// The gradient of the input, as a convolution of dy with the flipped kernel, which goes from filters to channels.
template <int64_t S>
class WinogradData : public DataPass {
 public:
  explicit WinogradData(Operands& operands)
      : p_(operands.problem()), k_(operands.kernels()), frame_(operands.dy_frame()) {
    // The window of the first pixel begins at the output that reads this pixel by the last tap of the kernel.
    const int32_t begin = frame_.offset(p_.params.padding.top - 2, p_.params.padding.left - 2);
    squares_ = squares(frame_, begin, {p_.params.in_height, p_.params.in_width, p_.params.in_channels, {}},
                       operands.backward_images(), S, 1);
    space_ = layout_.take<float>(square_space(S, p_.params.filters, k_));
    for (int64_t t = 0; t < 9; ++t) taps_.push_back(t);
  }

  int64_t scratch_size() const override { return layout_.size(); }
  // The transformed kernel, and after it the flipped kernel from which it is made.
  int64_t packed_size() const override { return (elements(S) + 9) * p_.params.in_channels * p_.params.filters; }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    const int64_t all = p_.params.in_channels, filters = p_.params.filters;
    float* flipped = packed + elements(S) * all * filters;
    pack_flipped(p_, k_, taps_, channels, kernel, flipped);
    int64_t tap[9];
    for (int64_t t = 0; t < 9; ++t) tap[t] = (8 - t) * all * filters;
    k_.winograd_weights({.side = S,
                         .kernel = flipped + channels.begin,
                         .tap = tap,
                         .kernel_row = all,
                         .channels = filters,
                         .filters = channels.size(),
                         .w = packed + elements(S) * filters * channels.begin,
                         .range = {0, filters}});
  }
  void run(int64_t count, const DataRun& r) const override {
    WinogradArgs a = winograd_args(squares_, frame_, {0, count * squares_.per_image}, S, false);
    a.x = r.gradient.framed, a.w = r.packed, a.bias = r.bias, a.y = r.dx, a.filters = p_.params.in_channels;
    a.relu = r.relu, a.fetch_y = p_.fetches_y();
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

template <int64_t S>
class WinogradWeights : public WeightsPass {
 public:
  explicit WinogradWeights(Operands& operands)
      : p_(operands.problem()),
        k_(operands.kernels()),
        x_frame_(operands.x_frame()),
        dy_frame_(operands.dy_frame()),
        squares_(squares(x_frame_, 0, {p_.used_height, p_.used_width, p_.params.filters, {}},
                         operands.backward_images(), S, 1)) {
    for (int64_t n = 0; n < operands.backward_images(); ++n)
      for (int64_t i = 0; i < dy_frame_.height; i += S)
        for (int64_t j = 0; j < dy_frame_.width; j += S)
          dy_offset_.push_back(static_cast<int32_t>(n * dy_frame_.size()) + dy_frame_.offset(i, j));
    for (int64_t c = 0; c < p_.params.in_channels; ++c) count_up_.push_back(static_cast<int32_t>(c));
    space_ = layout_.take<float>(winograd_gradient_space(S, p_.params.in_channels + p_.params.filters));
  }

  int64_t scratch_size() const override { return layout_.size(); }
  int64_t partial_size() const override { return elements(S) * p_.params.in_channels * p_.params.filters; }
  void run(int64_t count, const WeightsRun& r) const override {
    k_.winograd_gradient({.side = S,
                          .x = r.x,
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

  // A task computes some of the channels and filters, for all nine taps.
  int64_t reduce_tasks() const override { return (plane() + kFloatsPerTap - 1) / kFloatsPerTap; }
  GradientRange reduce(int64_t task, const Partials& partials, float* dkernel) const override {
    const int64_t first = task * kFloatsPerTap, size = std::min(kFloatsPerTap, plane() - first);
    k_.winograd_reduce({.side = S,
                        .du = partials.first,
                        .count = partials.count,
                        .stride = partials.stride,
                        .channels = p_.params.in_channels,
                        .filters = p_.params.filters,
                        .dw = dkernel,
                        .range = {first, first + size}});
    return {first, size, 9, plane()};
  }

 private:
  static constexpr int64_t kFloatsPerTap = kFloatsPerReduction / 8;
  int64_t plane() const { return p_.params.in_channels * p_.params.filters; }

  const Conv2dProblem& p_;
  const Kernels& k_;
  const Frame& x_frame_;
  const Frame& dy_frame_;
  Squares squares_;
  Offsets dy_offset_, count_up_;
  ScratchLayout layout_;
  ScratchArray<float> space_;
};

template <int64_t S, int64_t R = 1>
OperandNeeds forward_needs(const Conv2dProblem& p, const Kernels&) {
  return {.images = images_for(squares_per_call(S), output(p), S),
          .framed_x = true,
          .x_border = grown(p.params.padding, output(p), S, R)};
}
template <int64_t S>
OperandNeeds data_needs(const Conv2dProblem& p, const Kernels&) {
  // The windows of squares are larger than those of single pixels, so the last squares read more pixels.
  Padding border = data_border(p.params);
  border.bottom = std::max(border.bottom, 2 - p.params.padding.bottom + overhang(p.params.in_height, S));
  border.right = std::max(border.right, 2 - p.params.padding.right + overhang(p.params.in_width, S));
  return {.framed_dy = true, .dy_border = border, .rounded_dy = true};
}
template <int64_t S>
OperandNeeds weights_needs(const Conv2dProblem& p, const Kernels&) {
  return {.images = images_for(squares_per_gradient(S), output(p), S),
          .framed_x = true,
          .x_border = grown(p.params.padding, output(p), S),
          .framed_dy = true,
          .dy_border = grown({}, output(p), S),
          .rounded_dy = true};
}

template <int64_t S>
constexpr ForwardCandidate forward_candidate(const char* name) {
  return {.name = name,
          .speed = forward_speed<S>,
          .needs = forward_needs<S>,
          .make = make_pass<ForwardPass, WinogradForward<S>>};
}
template <int64_t S>
constexpr DataCandidate data_candidate(const char* name) {
  return {.name = name, .speed = data_speed<S>, .needs = data_needs<S>, .make = make_pass<DataPass, WinogradData<S>>};
}
template <int64_t S>
constexpr WeightsCandidate weights_candidate(const char* name) {
  return {.name = name,
          .speed = weights_speed<S>,
          .needs = weights_needs<S>,
          .make = make_pass<WeightsPass, WinogradWeights<S>>};
}

}  // namespace

const ForwardCandidate kWinogradForward = forward_candidate<2>("winograd");
const ForwardCandidate kLargeWinogradForward = forward_candidate<4>("winograd4");
const ForwardCandidate kStridedWinogradForward = {.name = "winograd_strided",
                                                  .speed = strided_speed,
                                                  .needs = forward_needs<2, 2>,
                                                  .make = make_pass<ForwardPass, WinogradForward<2, 2>>};
const DataCandidate kWinogradData = data_candidate<2>("winograd");
const DataCandidate kLargeWinogradData = data_candidate<4>("winograd4");
const WeightsCandidate kWinogradWeights = weights_candidate<2>("winograd");
const WeightsCandidate kLargeWinogradWeights = weights_candidate<4>("winograd4");

}  // namespace cnncore
