// Add, subtract, multiply, average, maximum and minimum, computed for one block of the output after the other.
#include "cnncore/merge.h"

#include <array>

#include "ops/merge_rows.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr std::array kMergeNames = {"add", "subtract", "multiply", "average", "maximum", "minimum"};

std::string prefix(Merge kind) { return std::string("[") + to_string(kind) + "] "; }

MergeOp op_of(Merge kind) {
  switch (kind) {
    case Merge::subtract: return MergeOp::subtract;
    case Merge::multiply: return MergeOp::multiply;
    case Merge::maximum: return MergeOp::maximum;
    case Merge::minimum: return MergeOp::minimum;
    case Merge::add:
    case Merge::average: break;
  }
  return MergeOp::add;
}

}  // namespace

Merge parse_merge(std::string_view name) {
  for (size_t i = 0; i < kMergeNames.size(); ++i)
    if (name == kMergeNames[i]) return static_cast<Merge>(i);
  fail("[merge] expected one of add, subtract, multiply, average, maximum, minimum. Received: '", name, "'");
}

const char* to_string(Merge kind) { return kMergeNames[static_cast<size_t>(kind)]; }

MergePlan::MergePlan(Merge kind, const std::vector<Shape>& inputs)
    : kind_(kind), inputs_(static_cast<int>(inputs.size())), shapes_(prefix(kind).c_str(), inputs) {
  check(kind != Merge::subtract || inputs_ == 2, "[subtract] expected two inputs. Received: ", inputs_);
}

void MergePlan::forward_part(const Kernels& k, int64_t count, const float* const* x, float* y, bool relu, int64_t part,
                             int64_t parts) const {
  const MergeOp op = op_of(kind_);
  const auto run = [&](const Broadcast::Block& b) {
    float* out = y + shapes_.output_offset(b);
    Operand first = shapes_.operand(0, b, x[0]);
    for (int i = 1; i < inputs_; ++i) {
      k.merge(op, {first, shapes_.operand(i, b, x[i]), b.rows, b.cols, out, shapes_.cols()});
      first = {out, shapes_.cols(), 1};
    }
    for (int64_t r = 0; r < b.rows && (inputs_ == 1 || kind_ == Merge::average); ++r) {
      float* row = out + r * shapes_.cols();
      k.rescale_f32(inputs_ == 1 ? first.data + r * first.row : row, row, b.cols, 1.0f / static_cast<float>(inputs_),
                    0);
    }
    for (int64_t r = 0; relu && r < b.rows; ++r) {
      float* row = out + r * shapes_.cols();
      k.activation(Activation::relu, row, row, b.cols);
    }
  };
  // With two inputs each element is written once, so blocks may be large. Otherwise a block is read again for each
  // further input, and should still be in the caches then.
  if (parts == 1)
    return shapes_.for_blocks(count, run, inputs_ <= 2 && !relu ? 64 * Broadcast::kBlock : 4 * Broadcast::kBlock);
  int64_t blocks = 0, block = 0;
  shapes_.for_blocks(count, [&](const Broadcast::Block&) { ++blocks; });
  shapes_.for_blocks(count, [&](const Broadcast::Block& b) {
    if (block * parts >= part * blocks && block * parts < (part + 1) * blocks) run(b);
    ++block;
  });
}

// t = start, multiplied by all inputs except `input`. If `replaced` is another input, its tangent takes its place.
void MergePlan::product_without(const Kernels& k, const Broadcast::Block& b, int input, Operand start,
                                const float* const* x, int replaced, const float* const* x_tangent, float* t) const {
  for (int i = 0; i < inputs_; ++i) {
    if (i == input) continue;
    const Operand factor = shapes_.operand(i, b, i == replaced ? x_tangent[i] : x[i]);
    k.merge(MergeOp::multiply, {start, factor, b.rows, b.cols, t, b.cols});
    start = {t, b.cols, 1};
  }
}

// t = start where the input is the maximum (minimum), and zero elsewhere.
void MergePlan::where_extreme(const Kernels& k, const Broadcast::Block& b, int input, Operand start,
                              const float* const* x, float* t) const {
  for (int64_t r = 0; r < b.rows; ++r)
    for (int64_t c = 0; c < b.cols; ++c) t[r * b.cols + c] = start.data[r * start.row + c * start.step];
  const Operand own = shapes_.operand(input, b, x[input]);
  for (int i = 0; i < inputs_; ++i)
    if (i != input)
      k.merge_keep({own, shapes_.operand(i, b, x[i]), i < input, kind_ == Merge::minimum, b.rows, b.cols, t});
}

void MergePlan::tangent(const Kernels& k, int64_t count, const float* const* x, const float* const* x_tangent,
                        float* y_tangent) const {
  if (inputs_ == 1 || !needs_inputs()) return forward(k, count, x_tangent, y_tangent);
  std::fill_n(y_tangent, count * shapes_.output_size(), 0.0f);
  float t[Broadcast::kBlock];
  shapes_.for_blocks(count, [&](const Broadcast::Block& b) {
    float* out = y_tangent + shapes_.output_offset(b);
    for (int i = 0; i < inputs_; ++i) {
      const Operand start = shapes_.operand(i, b, x_tangent[i]);
      is_extremum() ? where_extreme(k, b, i, start, x, t) : product_without(k, b, i, start, x, -1, nullptr, t);
      for (int64_t r = 0; r < b.rows; ++r) k.accumulate(t + r * b.cols, out + r * shapes_.cols(), b.cols);
    }
  });
}

void MergePlan::add_second(const Kernels& k, int64_t count, int input, const float* const* x,
                           const float* const* x_tangent, const float* dy, float* dx_tangent) const {
  if (inputs_ == 1 || kind_ != Merge::multiply) return;
  float t[Broadcast::kBlock];
  shapes_.for_blocks(count, [&](const Broadcast::Block& b) {
    const Operand own = shapes_.operand(input, b, dx_tangent);
    for (int i = 0; i < inputs_; ++i) {
      if (i == input) continue;
      product_without(k, b, input, {dy + shapes_.output_offset(b), shapes_.cols(), 1}, x, i, x_tangent, t);
      add_to_operand(k.merge_reduce, b, t, own);
    }
  });
}

void MergePlan::backward(const Kernels& k, int64_t count, int input, const float* const* x, const float* dy, float* dx,
                         bool accumulate) const {
  const bool repeats = shapes_.repeats(input);
  if (repeats && !accumulate) std::fill_n(dx, count * shapes_.input_size(input), 0.0f);
  float scale = kind_ == Merge::average ? 1.0f / static_cast<float>(inputs_) : 1.0f;
  if (kind_ == Merge::subtract && input == 1) scale = -1.0f;
  float t[Broadcast::kBlock];
  shapes_.for_blocks(count, [&](const Broadcast::Block& b) {
    const float* gradient = dy + shapes_.output_offset(b);
    int64_t row = shapes_.cols();
    if (inputs_ > 1 && needs_inputs()) {
      const Operand start{gradient, row, 1};
      is_extremum() ? where_extreme(k, b, input, start, x, t) : product_without(k, b, input, start, x, -1, nullptr, t);
      gradient = t, row = b.cols;
    }
    const Operand own = shapes_.operand(input, b, dx);
    k.merge_reduce({.t = gradient,
                    .t_row = row,
                    .rows = b.rows,
                    .cols = b.cols,
                    .scale = scale,
                    .dx = const_cast<float*>(own.data),
                    .row = own.row,
                    .step = own.step,
                    .accumulate = accumulate || repeats});
  });
}

Shape merge_output_shape(Merge kind, const std::vector<Shape>& inputs) {
  return MergePlan(kind, inputs).output_shape();
}

namespace {

// Pointers to the inputs of one sample.
template <class Pointer>
std::vector<Pointer> sample_of(const std::vector<Shape>& inputs, Pointer const* x, int64_t n) {
  std::vector<Pointer> result;
  for (size_t i = 0; i < inputs.size(); ++i)
    result.push_back(x && x[i] ? x[i] + n * element_count(inputs[i]) : nullptr);
  return result;
}

}  // namespace

void merge(Merge kind, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, float* y) {
  const MergePlan plan(kind, inputs);
  const int64_t size = element_count(plan.output_shape());
  parallel_for(batch, batch * size * static_cast<int64_t>(inputs.size()),
               [&](int64_t n, int) { plan.forward(kernels(), 1, sample_of(inputs, x, n).data(), y + n * size); });
}

void merge_backward(Merge kind, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, const float* dy,
                    float* const* dx) {
  const MergePlan plan(kind, inputs);
  const int64_t size = element_count(plan.output_shape()), count = static_cast<int64_t>(inputs.size());
  parallel_for(batch, batch * size * count * count, [&](int64_t n, int) {
    const std::vector<const float*> own = sample_of(inputs, x, n);
    for (int i = 0; i < static_cast<int>(count); ++i)
      if (dx[i])
        plan.backward(kernels(), 1, i, own.data(), dy + n * size,
                      dx[i] + n * element_count(inputs[static_cast<size_t>(i)]), false);
  });
}

}  // namespace cnncore
