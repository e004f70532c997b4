// second_moment returns its input. In training it also computes a sum of outer products (a second moment), from which
// the optimizer K-FAC estimates the curvature. The sum is written as the "gradient" of a parameter `moment` of shape
// (d, d). The value of this parameter is never read. The attribute `of` says which vectors are multiplied:
//   "inputs":     sum_n sum_p a a^T, where a is the window of sample n at position p. Its values are in the order of
//                 a convolution's kernel, and with use_bias they are followed by a 1. For a dense layer, the whole
//                 input is one window.
//   "gradients":  sum_n sum_p g g^T, where g is the gradient of all channels of sample n at position p.
// Each number is summed over the samples in their order, at any number of threads.
#include <algorithm>
#include <numeric>
#include <vector>

#include "cnncore/conv2d.h"
#include "run/step.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

// The number of rows of the moment that a task computes. It is a multiple of the rows that kernels keep in registers.
constexpr int64_t kMomentRowsPerTask = 48;
constexpr int64_t kPixels = 512;  // roughly how many positions are multiplied in one call of a kernel

struct MomentMeaning {
  Conv2dParams params;  // the window; its filters are not used
  bool gradients = false;
  bool use_bias = false;

  int64_t depth() const { return params.kernel_height * params.kernel_width * params.in_channels; }
  int64_t side() const { return depth() + use_bias; }
};

Shape positions_of(const MomentMeaning& m) {
  Conv2dParams p = m.params;
  p.filters = 1;
  return conv2d_output_shape(p);
}

// Values of a window that are next to each other in memory.
struct Columns {
  int64_t begin, count, offset;
};

class SecondMomentStep : public Step {
 public:
  SecondMomentStep(const MomentMeaning& m, int64_t size, const StepContext& context)
      : m_(m), size_(size), moment_(context.parameters[0]), k_(context.kernels) {
    const Conv2dParams& p = m.params;
    const Shape out = positions_of(m);
    positions_ = out[0] * out[1];
    pitch_ = (p.in_width + p.padding.left + p.padding.right) * p.in_channels;
    image_ = (p.in_height + p.padding.top + p.padding.bottom) * pitch_;
    images_ = std::clamp<int64_t>(kPixels / positions_, 1, context.batch);
    for (int64_t n = 0; n < images_; ++n)
      for (int64_t i = 0; i < out[0]; ++i)
        for (int64_t j = 0; j < out[1]; ++j)
          windows_.push_back(
              static_cast<int32_t>(n * image_ + i * p.stride_height * pitch_ + j * p.stride_width * p.in_channels));
    for (int64_t y = 0; y < p.kernel_height; ++y)
      for (int64_t x = 0; x < p.kernel_width; ++x)
        for (int64_t c = 0; c < p.in_channels; ++c)
          terms_.push_back(
              static_cast<int32_t>(y * p.dilation_height * pitch_ + x * p.dilation_width * p.in_channels + c));
    const int64_t together = p.in_channels * (p.dilation_width == 1 ? p.kernel_width : 1);
    for (int64_t k = 0; k < m.depth(); k += together) columns_.push_back({k, together, terms_[static_cast<size_t>(k)]});
    same_.resize(windows_.size());
  }

  void forward(const Run& run) const override { std::copy_n(run.x[0], run.count * size_, run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) std::copy_n(run.dy, run.count * size_, run.dx[0]);
  }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  bool batch_gradient() const override { return moment_.grad != nullptr; }
  int64_t scratch_size() const override { return bordered() ? images_ * image_ : 0; }
  int64_t gradient_tasks() const override { return moment_.grad ? row_tasks() + m_.use_bias : 0; }

  Range gradient(int64_t task, const BatchView& batch, float* scratch) const override {
    const int64_t side = m_.side(), begin = std::min(task * kMomentRowsPerTask, m_.depth());
    const bool ones = task == row_tasks();
    const int64_t end = ones ? side : std::min(begin + kMomentRowsPerTask, m_.depth());
    const float* x = m_.gradients ? batch.dy : batch.x[0];
    for (int64_t n = 0; n < batch.size; n += images_) {
      const int64_t count = std::min(images_, batch.size - n);
      add(ones, begin, end, count, framed(x + n * size_, count, scratch), n == 0);
    }
    float* rows = moment_.grad + begin * side;
    if (ones) rows[begin] = static_cast<float>(batch.size * positions_);
    k_.transpose(rows, side, moment_.grad + begin, side, end - begin, begin);
    return {rows, end, end - begin, side};
  }
  std::string describe() const override { return m_.gradients ? "second moment of gradients" : "second moment"; }

 private:
  int64_t row_tasks() const { return (m_.depth() + kMomentRowsPerTask - 1) / kMomentRowsPerTask; }
  bool bordered() const { return image_ != size_; }

  // Computes rows [begin, end) of the sum up to the diagonal. The rest follows by symmetry.
  void add(bool ones, int64_t begin, int64_t end, int64_t count, const float* x, bool first) const {
    static constexpr float kOne = 1.0f;
    for (const Columns& columns : columns_) {
      if (columns.begin >= end) break;
      k_.gemm_weights({.x = ones ? &kOne : x,
                       .x_offset = ones ? same_.data() : windows_.data(),
                       .k_offset = ones ? same_.data() : terms_.data() + begin,
                       .pixels = count * positions_,
                       .depth = end - begin,
                       .cols = std::min(columns.count, end - columns.begin),
                       .dy = x + columns.offset,
                       .dy_offset = windows_.data(),
                       .dw = moment_.grad + begin * m_.side() + columns.begin,
                       .ldw = m_.side(),
                       .overwrite = first});
    }
  }

  // Copies samples into borders of zeros.
  const float* framed(const float* x, int64_t count, float* scratch) const {
    if (!bordered()) return x;
    const Conv2dParams& p = m_.params;
    const int64_t row = p.in_width * p.in_channels;
    std::fill_n(scratch, count * image_, 0.0f);
    for (int64_t n = 0; n < count; ++n)
      for (int64_t i = 0; i < p.in_height; ++i)
        std::copy_n(x + n * size_ + i * row, row,
                    scratch + n * image_ + (i + p.padding.top) * pitch_ + p.padding.left * p.in_channels);
    return scratch;
  }

  MomentMeaning m_;
  int64_t size_, positions_, pitch_, image_, images_;
  ParameterRef moment_;
  const Kernels& k_;
  std::vector<int32_t> windows_, terms_, same_;
  std::vector<Columns> columns_;
};

class SecondMomentOp : public Op {
 public:
  SecondMomentOp(const Shape& shape, const MomentMeaning& m) : Op({shape}, shape), m_(m) {}

  std::vector<ParameterSpec> parameters() const override { return {{"moment", {m_.side(), m_.side()}}}; }
  bool is_view(Purpose purpose) const override { return purpose != Purpose::training; }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<SecondMomentStep>(m_, element_count(output()), context);
  }

 private:
  MomentMeaning m_;
};

}  // namespace

OpPtr make_second_moment(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& in = only_input(a, inputs);
  check(in.size() == 1 || in.size() == 3, a.op(),
        "expected an input of shape (features,) or (height, width, channels). Received: ", in);
  const std::string of = a.text("of");
  check(of == "inputs" || of == "gradients", a.op(),
        "expected the attribute of to be \"inputs\" or \"gradients\". Received: \"", of, "\"");
  MomentMeaning m;
  m.gradients = of == "gradients";
  Conv2dParams& p = m.params;
  p.in_height = in.size() == 3 ? in[0] : 1, p.in_width = in.size() == 3 ? in[1] : 1, p.in_channels = in.back();
  p.kernel_height = p.kernel_width = 1;
  if (!m.gradients) {
    m.use_bias = a.boolean("use_bias", true);
    const std::pair<int64_t, int64_t> one(1, 1);
    std::tie(p.kernel_height, p.kernel_width) = a.pair("kernel_size", one);
    std::tie(p.stride_height, p.stride_width) = a.pair("strides", one);
    std::tie(p.dilation_height, p.dilation_width) = a.pair("dilation_rate", one);
    if (a.has("padding")) p.padding = a.padding("padding");
  }
  positions_of(m);  // throws an exception if the window does not fit the input
  return std::make_shared<SecondMomentOp>(in, m);
}

}  // namespace cnncore
