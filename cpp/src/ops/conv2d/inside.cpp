// The direct sum without the zeros of the border: pixels are sorted by the taps that lie inside the image, so that a
// small image with "same" padding takes a fraction of the products (3x3 pixels with a 3x3 kernel: 49 taps of 81).
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/flipped_kernel.h"
#include "ops/conv2d/pixel_classes.h"
#include "ops/conv2d/weights_sum.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

constexpr int64_t kLeastChannels = 16;  // with fewer, the sum over a single tap is too short for a call of a kernel
constexpr int64_t kImages = 8;  // images that a call takes together, because a class may have one pixel of each image
// The speed of these products, compared with those of the direct sum. They are slower, because each has fewer pixels.
constexpr double kEfficiency = 0.8;

// The number of taps that lie inside the image, added up over the places of one axis.
int64_t inside_taps(int64_t places, int64_t taps, int64_t stride, int64_t dilation, int64_t before, int64_t size) {
  int64_t count = 0;
  for (int64_t i = 0; i < places; ++i)
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t at = i * stride + k * dilation - before;
      count += at >= 0 && at < size;
    }
  return count;
}

double inside_speed(const Conv2dProblem& p, const Kernels&) {
  const Conv2dParams& c = p.params;
  if (c.groups > 1 || p.fusion.max_pool || p.reduced() || std::min(c.in_channels, c.filters) < kLeastChannels) return 0;
  const int64_t inside =
      inside_taps(p.out_height, c.kernel_height, c.stride_height, c.dilation_height, c.padding.top, c.in_height) *
      inside_taps(p.out_width, c.kernel_width, c.stride_width, c.dilation_width, c.padding.left, c.in_width);
  return kEfficiency * static_cast<double>(p.pixels() * p.taps()) / static_cast<double>(std::max<int64_t>(inside, 1));
}

// Taps whose rows of the kernel follow one another, so that they are one product.
struct TapRun {
  int64_t row;  // the first tap
  Offsets k_offset;
};
struct Sum {
  PixelClass pixels;
  std::vector<TapRun> runs;  // if no tap lies inside, a single one without terms
};

std::vector<Sum> sums_of(std::vector<PixelClass> classes, int64_t filters, int64_t channels) {
  std::vector<Sum> sums;
  for (PixelClass& c : classes) {
    Sum sum;
    int64_t next = -1;
    for (size_t t = 0; t < c.tap_offset.size(); ++t) {
      const int64_t tap = c.w_offset[t] / filters;
      if (tap != next) sum.runs.push_back({tap, {}});
      for (int64_t i = 0; i < channels; ++i)
        sum.runs.back().k_offset.push_back(c.tap_offset[t] + static_cast<int32_t>(i));
      next = tap + 1;
    }
    if (sum.runs.empty()) sum.runs.push_back({0, {}});
    sum.pixels = std::move(c);
    sums.push_back(std::move(sum));
  }
  return sums;
}

// Computes y = act(bias + the sums). `whole` has the arrays, the columns and whether a relu follows. Each tap of its w
// has `depth` rows.
void run_sums(const Kernels& k, const std::vector<Sum>& sums, int64_t depth, int64_t count, Share share,
              const GemmArgs& whole) {
  GemmArgs a = whole;
  a.ldw = a.cols;
  for (const Sum& sum : sums) {
    const int64_t begin = share.begin(count * sum.pixels.per_image);
    a.x_offset = sum.pixels.from_offset.data() + begin, a.y_offset = sum.pixels.to_offset.data() + begin;
    a.pixels = share.end(count * sum.pixels.per_image) - begin;
    for (const TapRun& run : sum.runs) {
      a.k_offset = run.k_offset.data(), a.depth = static_cast<int64_t>(run.k_offset.size());
      a.w = whole.w + run.row * depth * a.cols;
      a.accumulate = &run != &sum.runs.front(), a.bias = a.accumulate ? nullptr : whole.bias;
      a.relu = whole.relu && &run == &sum.runs.back();
      if (a.pixels > 0) k.gemm(a);
    }
  }
}

class InsideForward : public ForwardPass {
 public:
  explicit InsideForward(Operands& operands)
      : p_(operands.problem()), k_(kernels_for_columns(operands.kernels(), p_.params.filters)) {
    const Frame y{p_.out_height, p_.out_width, p_.params.filters, {}};
    sums_ = sums_of(output_classes(p_.params, y, operands.images()), p_.params.filters, p_.params.in_channels);
  }
  void run(int64_t count, Share share, const ForwardRun& r) const override {
    GemmArgs a{};
    a.x = r.x, a.y = r.y, a.cols = p_.params.filters, a.w = r.kernel, a.bias = r.bias, a.relu = p_.relu();
    run_sums(k_, sums_, p_.params.in_channels, count, share, a);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  std::vector<Sum> sums_;
};

class InsideData : public DataPass {
 public:
  explicit InsideData(Operands& operands)
      : p_(operands.problem()), k_(kernels_for_columns(operands.kernels(), p_.params.in_channels)) {
    sums_ = sums_of(input_classes(p_.params, operands.dy_frame(), operands.backward_images()), p_.params.filters,
                    p_.params.filters);
    for (int64_t t = 0; t < p_.taps(); ++t) taps_.push_back(t);
  }
  int64_t packed_size() const override { return p_.kernel_size(); }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    pack_flipped(p_, k_, taps_, channels, kernel, packed);
  }
  void run(int64_t count, const DataRun& r) const override {
    GemmArgs a{};
    a.x = r.gradient.framed, a.y = r.dx, a.cols = p_.params.in_channels;
    a.w = r.packed, a.bias = r.bias, a.relu = r.relu;
    run_sums(k_, sums_, p_.params.filters, count, {}, a);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  std::vector<int64_t> taps_;
  std::vector<Sum> sums_;
};

// Goes through the taps one by one. Each has a list of the pixels for which it lies inside the image.
class InsideWeights : public SummedWeights {
 public:
  explicit InsideWeights(Operands& operands)
      : SummedWeights(operands), columns_(kernels_for_columns(k_, problem_.params.filters)) {
    const Conv2dParams& p = problem_.params;
    const Frame x{p.in_height, p.in_width, p.in_channels, {}};
    const Frame& dy = operands.dy_frame();
    for (int64_t i = 0; i < p.in_channels; ++i) channel_.push_back(static_cast<int32_t>(i));
    for (int64_t tap = 0; tap < problem_.taps(); ++tap) {
      Pixels pixels;
      for (int64_t n = 0; n < operands.backward_images(); ++n)
        for (int64_t i = 0; i < dy.height; ++i)
          for (int64_t j = 0; j < dy.width; ++j) {
            const int64_t row = i * p.stride_height + tap / p.kernel_width * p.dilation_height - p.padding.top;
            const int64_t column = j * p.stride_width + tap % p.kernel_width * p.dilation_width - p.padding.left;
            if (row < 0 || row >= p.in_height || column < 0 || column >= p.in_width) continue;
            pixels.x_offset.push_back(static_cast<int32_t>(n * x.size()) + x.offset(row, column));
            pixels.dy_offset.push_back(static_cast<int32_t>(n * dy.size()) + dy.offset(i, j));
          }
      pixels.per_image = static_cast<int64_t>(pixels.x_offset.size()) / operands.backward_images();
      taps_.push_back(std::move(pixels));
    }
  }
  void run(int64_t count, const WeightsRun& r) const override {
    GemmWeightsArgs a{};
    a.x = r.x, a.dy = r.gradient.framed, a.dw = r.partial, a.k_offset = channel_.data();
    a.depth = problem_.params.in_channels, a.cols = a.ldw = problem_.params.filters, a.overwrite = r.overwrite;
    for (const Pixels& tap : taps_) {
      a.x_offset = tap.x_offset.data(), a.dy_offset = tap.dy_offset.data(), a.pixels = count * tap.per_image;
      columns_.gemm_weights(a);
      a.dw += a.depth * a.ldw;
    }
  }

 private:
  struct Pixels {
    Offsets x_offset, dy_offset;
    int64_t per_image = 0;
  };

  const Kernels& columns_;
  Offsets channel_;
  std::vector<Pixels> taps_;
};

OperandNeeds inside_forward_needs(const Conv2dProblem&, const Kernels&) { return {.images = kImages}; }
OperandNeeds inside_gradient_needs(const Conv2dProblem&, const Kernels&) {
  return {.images = kImages, .framed_dy = true};
}

}  // namespace

const ForwardCandidate kInsideForward = {.name = "inside",
                                         .speed = inside_speed,
                                         .needs = inside_forward_needs,
                                         .make = make_pass<ForwardPass, InsideForward>};
const DataCandidate kInsideData = {
    .name = "inside", .speed = inside_speed, .needs = inside_gradient_needs, .make = make_pass<DataPass, InsideData>};
const WeightsCandidate kInsideWeights = {.name = "inside",
                                         .speed = inside_speed,
                                         .needs = inside_gradient_needs,
                                         .make = make_pass<WeightsPass, InsideWeights>};

}  // namespace cnncore
