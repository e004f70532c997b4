// Permutations of axes. Neighbouring axes that stay neighbours are joined. What remains are runs of values to copy, or
// matrices to transpose.
#include <algorithm>
#include <cstring>

#include "ops/resize_rows.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

std::string to_text(const std::vector<int>& dims) { return to_string(Shape(dims.begin(), dims.end())); }

// An axis of the output, with the distance between neighbours along it in x and in y.
struct PermutedAxis {
  int64_t size, from, to;
};

// The axes of the output from the last to the first. Two of them are joined if one loop can run over both in both
// arrays.
std::vector<PermutedAxis> joined_axes(const Shape& in, const std::vector<int>& dims) {
  std::vector<int64_t> pitch(in.size(), 1);
  for (size_t a = in.size(); a-- > 1;) pitch[a - 1] = pitch[a] * in[a];
  std::vector<PermutedAxis> axes;
  int64_t to = 1;
  for (size_t a = dims.size(); a-- > 0;) {
    const size_t source = static_cast<size_t>(dims[a] - 1);
    const PermutedAxis axis{in[source], pitch[source], to};
    to *= axis.size;
    if (axis.size == 1) continue;
    if (!axes.empty() && axis.from == axes.back().from * axes.back().size)
      axes.back().size *= axis.size;
    else
      axes.push_back(axis);
  }
  if (axes.empty()) axes.push_back({1, 1, 1});
  return axes;
}

std::vector<int> inverse_of(const std::vector<int>& dims) {
  std::vector<int> back(dims.size());
  for (size_t a = 0; a < dims.size(); ++a) back[static_cast<size_t>(dims[a] - 1)] = static_cast<int>(a) + 1;
  return back;
}

}  // namespace

Shape permute_output_shape(const Shape& in, const std::vector<int>& dims) {
  std::vector<int> sorted = dims;
  std::sort(sorted.begin(), sorted.end());
  bool fits = dims.size() == in.size() && !in.empty();
  for (size_t a = 0; fits && a < sorted.size(); ++a) fits = sorted[a] == static_cast<int>(a) + 1;
  check(fits, "[permute] expected dims with each of 1 to ", in.size(), " once, for samples of shape ", in,
        ". Received: ", to_text(dims));
  Shape out;
  for (const int dim : dims) out.push_back(in[static_cast<size_t>(dim - 1)]);
  return out;
}

PermutePlan::PermutePlan(const Shape& in, const std::vector<int>& dims)
    : size_(element_count(in)), output_(permute_output_shape(in, dims)) {
  forward_ = moves(in, dims);
  backward_ = moves(output_, inverse_of(dims));
}

PermutePlan::Moves PermutePlan::moves(const Shape& in, const std::vector<int>& dims) {
  std::vector<PermutedAxis> axes = joined_axes(in, dims);
  Moves m{{}, {}, 1, axes[0].size, 0, 0};
  const auto contiguous = std::find_if(axes.begin(), axes.end(), [](const PermutedAxis& a) { return a.from == 1; });
  if (contiguous != axes.begin()) {  // neighbours along the last axis of the output are in different rows of the input
    m.rows = axes[0].size, m.cols = contiguous->size;
    m.lds = axes[0].from, m.ldd = contiguous->to;
    axes.erase(contiguous);
  }
  axes.erase(axes.begin());
  int64_t places = 1;
  for (const PermutedAxis& axis : axes) places *= axis.size;
  for (int64_t i = 0; i < places; ++i) {
    int64_t rest = i, from = 0, to = 0;
    for (const PermutedAxis& axis : axes) {
      from += rest % axis.size * axis.from, to += rest % axis.size * axis.to;
      rest /= axis.size;
    }
    m.from.push_back(from), m.to.push_back(to);
  }
  return m;
}

void PermutePlan::run(const Kernels& k, const Moves& m, int64_t count, const float* x, float* y) const {
  for (int64_t n = 0; n < count; ++n, x += size_, y += size_)
    for (size_t i = 0; i < m.from.size(); ++i)
      if (m.rows == 1)
        std::memcpy(y + m.to[i], x + m.from[i], static_cast<size_t>(m.cols) * sizeof(float));
      else
        k.transpose(x + m.from[i], m.lds, y + m.to[i], m.ldd, m.rows, m.cols);
}

void permute(const Shape& in, const std::vector<int>& dims, int64_t batch, const float* x, float* y) {
  const PermutePlan plan(in, dims);
  const int64_t size = element_count(in);
  parallel_for(batch, batch * size, [&](int64_t n, int) { plan.forward(kernels(), 1, x + n * size, y + n * size); });
}

void permute_backward(const Shape& in, const std::vector<int>& dims, int64_t batch, const float* dy, float* dx) {
  const PermutePlan plan(in, dims);
  const int64_t size = element_count(in);
  parallel_for(batch, batch * size, [&](int64_t n, int) { plan.backward(kernels(), 1, dy + n * size, dx + n * size); });
}

}  // namespace cnncore
