#include "cnncore/conv2d_transpose.h"

#include <algorithm>

#include "ops/activation_rows.h"
#include "ops/conv2d/weights_sum.h"
#include "ops/conv2d_transpose_plan.h"
#include "ops/convolution_of_arrays.h"
#include "ops/validate.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

constexpr const char* kOp = "[conv2d_transpose] ";

// The size of the output along one axis. The parameters are checked here.
int64_t transposed_size(int64_t size, int64_t kernel, int64_t stride, int64_t dilation, PaddingPair padding,
                        int64_t output_padding) {
  check_sizes(
      kOp,
      {{"the input's size", size}, {"the kernel's size", kernel}, {"the stride", stride}, {"the dilation", dilation}},
      1);
  check_sizes(
      kOp, {{"the padding", padding.before}, {"the padding", padding.after}, {"the output's padding", output_padding}},
      0);
  check(output_padding < stride, kOp, "expected an output padding below the stride, ", stride,
        ". Received: ", output_padding);
  const int64_t whole = multiply(kOp, size - 1, stride) + multiply(kOp, kernel - 1, dilation) + 1 + output_padding;
  const int64_t result = whole - padding.before - padding.after;
  check(result >= 1, kOp, "expected a padding that leaves something of the output's ", whole,
        " pixels. Received: ", padding.before, " and ", padding.after);
  return result;
}

}  // namespace

Shape conv2d_transpose_output_shape(const Conv2dTransposeParams& p) {
  check_sizes(kOp, {{"in_channels", p.in_channels}, {"filters", p.filters}}, 1);
  const Shape out = {transposed_size(p.in_height, p.kernel_height, p.stride_height, p.dilation_height,
                                     {p.padding.top, p.padding.bottom}, p.output_padding_height),
                     transposed_size(p.in_width, p.kernel_width, p.stride_width, p.dilation_width,
                                     {p.padding.left, p.padding.right}, p.output_padding_width),
                     p.filters};
  // The kernels address images by 32-bit offsets, so these must not be too large: the output before the padding is cut
  // off, and the input inside the border of zeros that is read.
  const int64_t height = out[0] + p.padding.top + p.padding.bottom, width = out[1] + p.padding.left + p.padding.right;
  check_image_fits(kOp, height, width, p.filters);
  check_image_fits(kOp, height + 2 * (p.kernel_height - 1) * p.dilation_height,
                   width + 2 * (p.kernel_width - 1) * p.dilation_width, p.in_channels);
  check_image_fits(kOp, multiply(kOp, p.kernel_height, p.kernel_width), p.in_channels, p.filters, "a kernel");
  return out;
}

Conv2dParams transposed(const Conv2dTransposeParams& p) {
  const Shape out = conv2d_transpose_output_shape(p);
  return {.in_height = out[0],
          .in_width = out[1],
          .in_channels = p.filters,
          .filters = p.in_channels,
          .kernel_height = p.kernel_height,
          .kernel_width = p.kernel_width,
          .stride_height = p.stride_height,
          .stride_width = p.stride_width,
          .dilation_height = p.dilation_height,
          .dilation_width = p.dilation_width,
          .groups = 1,
          .padding = p.padding,
          .precision = p.precision};
}

Conv2dTransposePlan::Conv2dTransposePlan(const Conv2dTransposeParams& params, const Conv2dFusion& fusion,
                                         const Kernels& kernels)
    : k_(kernels),
      activation_(fusion.activation),
      filters_(params.filters),
      plan_(transposed(params), {.training = fusion.training, .stream = fusion.stream}, kernels,
            {.forward = fusion.training && fusion.input_grad, .data = true, .weights = fusion.training}),
      backward_images_(std::min(plan_.images(), plan_.backward_images())) {
  if (fusion.training && activation_ != Activation::linear) dy_ = layout_.take<float>(backward_images_ * output_size());
}

void Conv2dTransposePlan::forward(int64_t count, const Conv2dRun& r) const {
  const bool relu = activation_ == Activation::relu;
  plan_.transposed(count, r, relu);
  if (!relu) activation_rows(k_, activation_, count * pixels(), filters_, r.y, r.y);
}

void Conv2dTransposePlan::backward(int64_t count, const Conv2dBackwardRun& r) const {
  const float* dy = r.dy;
  if (activation_ != Activation::linear && r.y) {
    float* before = dy_.in(r.scratch + plan_.scratch_size());
    activation_rows_backward(k_, activation_, count * pixels(), filters_, r.y, dy, before);
    dy = before;
  }
  if (r.partial) {
    plan_.backward(
        count,
        {.x = dy, .dy = r.x, .partial = r.partial, .overwrite = r.overwrite, .bias = false, .scratch = r.scratch});
    float* dbias = r.partial + plan_.partial_size();
    if (r.overwrite) std::fill_n(dbias, filters_, 0.0f);
    if (r.bias) k_.sum_rows(dy, dbias, count * pixels(), filters_);
  }
  if (r.dx)
    plan_.forward(count, {.x = dy,
                          .kernel = r.kernel,
                          .packed = r.packed,
                          .bias = nullptr,
                          .y = r.dx,
                          .winner = nullptr,
                          .scratch = r.scratch});
}

void Conv2dTransposePlan::reduce_bias(const Partials& partials, float* dbias) const {
  sum_partials(k_, partials, plan_.partial_size(), filters_, dbias);
}

std::string Conv2dTransposePlan::algorithm() const {
  const Conv2dAlgorithms names = plan_.algorithms();
  return std::string(names.data) + "; data " + names.forward + "; weights " + names.weights;
}

void conv2d_transpose(const Conv2dTransposeParams& params, int64_t batch, const float* x, const float* kernel,
                      const float* bias, float* y) {
  const Conv2dTransposePlan plan(params, {.training = false}, kernels());
  forward_of_arrays(plan, batch, {.x = x, .kernel = kernel, .bias = bias, .y = y});
}

void conv2d_transpose_backward(const Conv2dTransposeParams& params, int64_t batch, const float* x, const float* kernel,
                               const float* dy, float* dx, float* dkernel, float* dbias) {
  const Conv2dTransposePlan plan(params, {.input_grad = dx != nullptr}, kernels());
  backward_of_arrays(plan, batch, {.x = x, .kernel = kernel, .dy = dy, .dx = dx, .dkernel = dkernel, .dbias = dbias});
}

}  // namespace cnncore
