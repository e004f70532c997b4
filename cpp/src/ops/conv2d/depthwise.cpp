// Depthwise convolution. Every channel is convolved by itself, so the lanes of a vector are neighbouring channels. The
// image is not copied into a border of zeros. Instead, output pixels are grouped by which taps of the kernel lie inside
// the image. If each channel has several filters, the channel is copied for each of them, and in the backward pass the
// gradients of its copies are added.
#include <type_traits>

#include "ops/conv2d/candidates.h"
#include "ops/conv2d/pixel_classes.h"
#include "ops/conv2d/weights_sum.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

double depthwise_speed(const Conv2dProblem& p, const Kernels&) {
  return p.params.groups > 1 && p.params.groups == p.params.in_channels && !p.fusion.max_pool ? 5.0 : 0.0;
}

// The parameters of the same convolution, on an image that has one channel for every filter.
Conv2dParams per_filter(const Conv2dProblem& p) {
  Conv2dParams params = p.params;
  params.in_channels = params.groups = params.filters;
  return params;
}

// Makes an image in which each channel is repeated once for each of its filters. If a channel has one filter only, that
// is the image itself, and nothing is copied.
class RepeatedImage {
 public:
  RepeatedImage(const Conv2dProblem& p, int64_t images)
      : image_pixels_(p.params.in_height * p.params.in_width),
        channels_(p.params.in_channels),
        times_(p.group_filters()) {
    if (times_ > 1) copy_ = layout_.take<float>(images * image_pixels_ * channels_ * times_);
  }
  int64_t scratch_size() const { return layout_.size(); }
  bool repeats() const { return times_ > 1; }

  const float* repeat(int64_t count, const float* x, float* scratch) const {
    if (!repeats()) return x;
    float* to = copy_.in(scratch);
    with_times([&](auto times) {
      for (int64_t i = 0; i < count * image_pixels_ * channels_; ++i)
        for (int64_t j = 0; j < times; ++j) to[i * times + j] = x[i];
    });
    return to;
  }
  // gradient() is where the gradient of the repeated image is written. add_up() adds the gradients of the copies of a
  // channel to the gradient of the image itself.
  float* gradient(float* dx, float* scratch) const { return repeats() ? copy_.in(scratch) : dx; }
  void add_up(int64_t count, const float* repeated, float* dx) const {
    with_times([&](auto times) {
      for (int64_t i = 0; i < count * image_pixels_ * channels_; ++i) {
        float sum = repeated[i * times];
        for (int64_t j = 1; j < times; ++j) sum += repeated[i * times + j];
        dx[i] = sum;
      }
    });
  }

 private:
  // Calls f with the number of filters per channel. The usual numbers are passed as constants, so that the compiler can
  // turn the loops into vector instructions.
  template <class Function>
  void with_times(Function f) const {
    switch (times_) {
      case 2: return f(std::integral_constant<int64_t, 2>());
      case 4: return f(std::integral_constant<int64_t, 4>());
      default: return f(times_);
    }
  }

  int64_t image_pixels_, channels_, times_;
  ScratchLayout layout_;
  ScratchArray<float> copy_;
};

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
        k_(kernels_for_columns(operands.kernels(), p_.params.filters)),
        image_(p_, operands.images()) {
    if (!has_nine_taps())
      classes_ =
          output_classes(per_filter(p_), {p_.out_height, p_.out_width, p_.params.filters, {}}, operands.images());
  }

  int64_t scratch_size() const override { return image_.scratch_size(); }
  void run(int64_t count, Share share, const ForwardRun& r) const override {
    const float* x = image_.repeat(count, r.x, r.scratch);
    if (has_nine_taps()) return run_nine_taps(count, share, x, r);
    DepthwiseArgs a{};
    a.x = x, a.w = r.kernel, a.bias = r.bias, a.y = r.y;
    a.channels = p_.params.filters, a.relu = p_.relu(), a.stream = p_.streams(a.channels, k_);
    run_classes(k_, classes_, count, share, a);
  }

 private:
  bool has_nine_taps() const {
    const Padding& border = p_.params.padding;
    return p_.params.kernel_height == 3 && p_.params.kernel_width == 3 && p_.unit_strides() && p_.unit_dilation() &&
           std::max({border.top, border.bottom, border.left, border.right}) <= 1;
  }
  void run_nine_taps(int64_t count, Share share, const float* x, const ForwardRun& r) const {
    const int64_t channels = p_.params.filters, height = p_.params.in_height, width = p_.params.in_width;
    for (int64_t n = 0; n < count; ++n)
      k_.depthwise_nine({.x = x + n * height * width * channels,
                         .height = height,
                         .width = width,
                         .channels = channels,
                         .top = p_.params.padding.top,
                         .left = p_.params.padding.left,
                         .w = r.kernel,
                         .bias = r.bias,
                         .y = r.y + n * p_.out_height * p_.out_width * channels,
                         .out_width = p_.out_width,
                         .row_begin = share.begin(p_.out_height),
                         .row_end = share.end(p_.out_height),
                         .relu = p_.relu(),
                         .stream = p_.streams(channels, k_)});
  }

  const Conv2dProblem& p_;
  const Kernels& k_;
  RepeatedImage image_;
  std::vector<PixelClass> classes_;
};

class DepthwiseData : public DataPass {
 public:
  explicit DepthwiseData(Operands& operands)
      : p_(operands.problem()),
        k_(kernels_for_columns(operands.kernels(), p_.params.filters)),
        image_(p_, operands.backward_images()),
        classes_(input_classes(per_filter(p_), operands.dy_frame(), operands.backward_images())) {}

  int64_t scratch_size() const override { return image_.scratch_size(); }
  int64_t packed_size() const override { return p_.kernel_size(); }
  // Copies the kernel as it is: the backward pass gets the packed kernel only.
  void pack(IndexRange, const float* kernel, float* packed) const override {
    std::copy_n(kernel, p_.kernel_size(), packed);
  }
  void run(int64_t count, const DataRun& r) const override {
    DepthwiseArgs a{};
    a.x = r.gradient.framed, a.w = r.packed, a.y = image_.gradient(r.dx, r.scratch), a.channels = p_.params.filters;
    a.stream = !image_.repeats() && p_.streams(a.channels, k_);
    run_classes(k_, classes_, count, {}, a);
    if (image_.repeats()) image_.add_up(count, a.y, r.dx);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  RepeatedImage image_;
  std::vector<PixelClass> classes_;
};

class DepthwiseWeights : public SummedWeights {
 public:
  explicit DepthwiseWeights(Operands& operands)
      : SummedWeights(operands),
        image_(problem_, operands.backward_images()),
        classes_(output_classes(per_filter(problem_), operands.dy_frame(), operands.backward_images())) {}

  int64_t scratch_size() const override { return image_.scratch_size(); }
  void run(int64_t count, const WeightsRun& r) const override {
    begin(r);
    const float* x = image_.repeat(count, r.x, r.scratch);
    for (const PixelClass& c : classes_)
      kernels_for_columns(k_, problem_.params.filters)
          .depthwise_weights({.x = x,
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
  RepeatedImage image_;
  std::vector<PixelClass> classes_;
};

OperandNeeds depthwise_forward_needs(const Conv2dProblem&, const Kernels&) { return {}; }
OperandNeeds depthwise_gradient_needs(const Conv2dProblem&, const Kernels&) {
  return {.framed_dy = true, .rounded_dy = true};
}

}  // namespace

const ForwardCandidate kDepthwiseForward = {.name = "depthwise",
                                            .speed = depthwise_speed,
                                            .needs = depthwise_forward_needs,
                                            .make = make_pass<ForwardPass, DepthwiseForward>};
const DataCandidate kDepthwiseData = {.name = "depthwise",
                                      .speed = depthwise_speed,
                                      .needs = depthwise_gradient_needs,
                                      .make = make_pass<DataPass, DepthwiseData>};
const WeightsCandidate kDepthwiseWeights = {.name = "depthwise",
                                            .speed = depthwise_speed,
                                            .needs = depthwise_gradient_needs,
                                            .make = make_pass<WeightsPass, DepthwiseWeights>};

}  // namespace cnncore
