#include "ops/conv2d/operands.h"

#include <limits>

#include "ops/activation_rows.h"
#include "ops/conv2d/frame.h"
#include "ops/rounding.h"

namespace cnncore {
namespace {

Padding larger(const Padding& a, const Padding& b) {
  return {std::max(a.top, b.top), std::max(a.bottom, b.bottom), std::max(a.left, b.left), std::max(a.right, b.right)};
}

// How many images a call can take: tables of 32-bit offsets must reach all of them. The factor 2 is there because a
// bfloat16 operand may consist of two arrays, one after the other.
int64_t images_that_fit(const Conv2dProblem& p, const Frame& x, const Frame& dy) {
  const Conv2dParams& c = p.params;
  const int64_t padded_x = (c.in_height + c.padding.top + c.padding.bottom) *
                           (c.in_width + c.padding.left + c.padding.right) * std::max(c.in_channels, c.filters);
  const int64_t largest = std::max({padded_x, x.size(), dy.size(), p.y_size(), int64_t{1}});
  return std::max<int64_t>(1, std::numeric_limits<int32_t>::max() / (2 * largest));
}

}  // namespace

OperandNeeds both(const OperandNeeds& a, const OperandNeeds& b) {
  return {.images = std::max(a.images, b.images),
          .framed_x = a.framed_x || b.framed_x,
          .x_border = larger(a.x_border, b.x_border),
          .x_overhang = a.x_overhang || b.x_overhang,
          .framed_dy = a.framed_dy || b.framed_dy,
          .dy_border = larger(a.dy_border, b.dy_border),
          .rounded_dy = a.rounded_dy || b.rounded_dy,
          .winner_lists = a.winner_lists || b.winner_lists};
}

Operands::Operands(const Conv2dProblem& problem, const OperandNeeds& forward, const OperandNeeds& backward,
                   const Kernels& kernels)
    : problem_(problem), k_(kernels) {
  const Conv2dParams& p = problem_.params;
  const OperandNeeds all = both(forward, backward);
  x_frame_ = {p.in_height, p.in_width, p.in_channels, all.x_border};
  dy_frame_ = {problem_.out_height, problem_.out_width, p.filters, all.dy_border};
  const int64_t most = images_that_fit(problem_, x_frame_, dy_frame_);
  images_ = std::min(forward.images, most);
  backward_images_ = std::min(backward.images, most);

  if (all.framed_x && copies_x(all.x_overhang)) x_copy_ = layout_.take<float>(most_images() * x_frame_.size());
  if (all.framed_dy) {
    const bool pool = problem_.fusion.max_pool;
    round_dy_ = problem_.reduced() && all.rounded_dy;
    copy_dy_ = dy_frame_.has_border() || pool || problem_.fusion.activation != Activation::linear || round_dy_;
    if (copy_dy_) dy_copy_ = layout_.take<float>(backward_images_ * dy_frame_.size());
    if (pool) windows_in_dy_ = windows_at(dy_offsets());
  }
  if (all.winner_lists) {
    const int64_t capacity = list_capacity();
    value_ = layout_.take<float>(p.filters * capacity);
    offset_ = layout_.take<int32_t>(p.filters * capacity);
    count_ = layout_.take<int32_t>(p.filters);
    list_space_ = layout_.take<float>(2 * padded_windows() * k_.width);
    windows_in_x();
  }
}

const ForwardTables& Operands::forward_tables() {
  if (!forward_tables_)
    forward_tables_ = cnncore::forward_tables(problem_.params, x_frame_, most_images(),
                                              problem_.fusion.max_pool ? PixelOrder::windows : PixelOrder::rows);
  return *forward_tables_;
}

const Offsets& Operands::dy_offsets() {
  if (dy_offsets_.empty())
    dy_offsets_ =
        output_offsets(dy_frame_, backward_images_, problem_.fusion.max_pool ? PixelOrder::windows : PixelOrder::rows);
  return dy_offsets_;
}

const Offsets& Operands::windows_in_x() {
  if (windows_in_x_.empty()) windows_in_x_ = windows_at(forward_tables().x_offset);
  return windows_in_x_;
}

// Rearranges the offsets of pixels, which are listed window by window, to [4][padded windows].
Offsets Operands::windows_at(const Offsets& pixels) const {
  const int64_t windows = backward_images_ * problem_.windows(), padded = padded_windows();
  Offsets places(static_cast<size_t>(4 * padded), 0);
  for (int64_t q = 0; q < windows; ++q)
    for (int64_t i = 0; i < 4; ++i)
      places[static_cast<size_t>(i * padded + q)] = pixels[static_cast<size_t>(4 * q + i)];
  return places;
}

void Operands::round(const float* x, float* y, int64_t size) const {
  round_operand(k_, problem_.params.precision, x, y, size);
}

IndexRange Operands::rows_read_by(IndexRange output_rows) const {
  const Conv2dParams& p = problem_.params;
  const int64_t reach = (p.kernel_height - 1) * p.dilation_height + 1;
  const auto inside = [&](int64_t row) { return std::clamp<int64_t>(row - p.padding.top, 0, p.in_height); };
  if (output_rows.size() == 0) return {0, 0};
  return {inside(output_rows.begin * p.stride_height), inside((output_rows.end - 1) * p.stride_height + reach)};
}

const float* Operands::frame_x(int64_t count, const float* x, bool overhang, IndexRange rows, float* scratch) const {
  if (!copies_x(overhang)) return x;
  float* framed = x_copy_.in(scratch);
  clear_border(x_frame_, count, rows, framed);
  for_rows(x_frame_, count, rows, [&](int64_t from, int64_t to, int64_t width) {
    problem_.reduced() ? round(x + from, framed + to, width) : void(std::copy_n(x + from, width, framed + to));
  });
  return framed;
}

OutputGradient Operands::gradient(int64_t count, const GradientRun& r) const {
  OutputGradient gradient{.dy = r.dy, .winner = r.winner};
  if (problem_.fusion.max_pool && r.dbias)
    k_.sum_winners(r.dy, r.winner, r.dbias, count * problem_.windows(), problem_.params.filters);
  if (r.framed) gradient.framed = problem_.fusion.max_pool ? unpooled_dy(count, r) : frame_dy(count, r);
  if (r.lists) gradient.lists = winner_lists(count, r.winner, r.dy, r.scratch);
  return gradient;
}

// Writes the gradient of what the pool got as input, inside the border of zeros that the gradient of the input reads.
const float* Operands::unpooled_dy(int64_t count, const GradientRun& r) const {
  float* framed = dy_copy_.in(r.scratch);
  std::fill_n(framed, count * dy_frame_.size(), 0.0f);
  k_.unpool({.dy = r.dy,
             .winner = r.winner,
             .candidate = windows_in_dy_.data(),
             .windows = count * problem_.windows(),
             .windows_padded = padded_windows(),
             .channels = problem_.params.filters,
             .dy_full = framed});
  if (round_dy_) round(framed, framed, count * dy_frame_.size());
  return framed;
}

// The same for the input of the activation, and the gradient of the bias. Returns dy itself if it need not be changed.
const float* Operands::frame_dy(int64_t count, const GradientRun& r) const {
  float* framed = copy_dy_ ? dy_copy_.in(r.scratch) : nullptr;
  if (copy_dy_) clear_border(dy_frame_, count, framed);
  const Activation activation = problem_.fusion.activation;
  const bool linear = activation == Activation::linear;
  for_rows(dy_frame_, count, [&](int64_t from, int64_t to, int64_t width) {
    const float* before_activation = r.dy + from;
    if (copy_dy_ && (!linear || !round_dy_)) {
      activation_rows_backward(k_, activation, dy_frame_.width, problem_.params.filters, linear ? r.y : r.y + from,
                               r.dy + from, framed + to);
      before_activation = framed + to;
    }
    if (r.dbias) k_.sum_rows(before_activation, r.dbias, dy_frame_.width, problem_.params.filters);
    if (round_dy_) round(before_activation, framed + to, width);
  });
  return copy_dy_ ? framed : r.dy;
}

WinnerLists Operands::winner_lists(int64_t count, const uint8_t* winner, const float* dy, float* scratch) const {
  const int64_t filters = problem_.params.filters, capacity = list_capacity();
  float* value = value_.in(scratch);
  int32_t* offset = offset_.in(scratch);
  int32_t* entries = count_.in(scratch);
  k_.winner_lists({.dy = dy,
                   .winner = winner,
                   .candidate = windows_in_x_.data(),
                   .windows = count * problem_.windows(),
                   .windows_padded = padded_windows(),
                   .channels = filters,
                   .value = value,
                   .offset = offset,
                   .count = entries,
                   .capacity = capacity,
                   .scratch = list_space_.in(scratch)});
  if (problem_.reduced()) round(value, value, filters * capacity);
  return {.value = value, .offset = offset, .count = entries, .capacity = capacity};
}

}  // namespace cnncore
