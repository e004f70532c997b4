// Convolution as a function of arrays: it checks the parameters and plans.
#include "cnncore/conv2d.h"

#include "ops/convolution_of_arrays.h"
#include "ops/validate.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

// An output that is larger than the caches of a core is written to memory without going through them. A store through
// the caches would first read what it overwrites. But memory is slow, so this is only worth it if the arithmetic takes
// longer than the writing.
bool worth_streaming(const float* y, int64_t floats, int64_t flops) {
  constexpr int64_t kCacheFloats = 1 << 19, kFlopsPerFloat = 48;
  return floats >= kCacheFloats && flops >= kFlopsPerFloat * floats && reinterpret_cast<uintptr_t>(y) % kAlignment == 0;
}

int64_t flops_of(const Conv2dParams& p, const Shape& out) {
  return 2 * element_count(out) * p.kernel_height * p.kernel_width * (p.in_channels / p.groups);
}

}  // namespace

Shape conv2d_output_shape(const Conv2dParams& p) {
  constexpr const char* op = "[conv2d] ";
  check_sizes(op, {{"in_channels", p.in_channels}, {"filters", p.filters}, {"groups", p.groups}}, 1);
  check(p.in_channels % p.groups == 0, op,
        "expected in_channels to be a multiple of groups. Received: in_channels=", p.in_channels,
        ", groups=", p.groups);
  check(p.filters % p.groups == 0, op, "expected filters to be a multiple of groups. Received: filters=", p.filters,
        ", groups=", p.groups);
  const Shape shape = {
      output_size(op, p.in_height, p.kernel_height, p.stride_height, {p.padding.top, p.padding.bottom},
                  p.dilation_height),
      output_size(op, p.in_width, p.kernel_width, p.stride_width, {p.padding.left, p.padding.right}, p.dilation_width),
      p.filters};
  check_image_fits(op, p.in_height + p.padding.top + p.padding.bottom, p.in_width + p.padding.left + p.padding.right,
                   p.in_channels);
  // The border of zeros around dy that the gradient of the input reads, which convolves dy with the flipped kernel.
  check_image_fits(op, p.in_height + 2 * (p.kernel_height - 1) * p.dilation_height + p.padding.top + p.padding.bottom,
                   p.in_width + 2 * (p.kernel_width - 1) * p.dilation_width + p.padding.left + p.padding.right,
                   p.filters);
  check_image_fits(op, multiply(op, p.kernel_height, p.kernel_width), p.in_channels, p.filters);
  return shape;
}

void conv2d(const Conv2dParams& params, int64_t batch, const float* x, const float* kernel, const float* bias,
            float* y) {
  const Shape out = conv2d_output_shape(params);
  const bool stream = worth_streaming(y, batch * element_count(out), batch * flops_of(params, out));
  const Conv2dPlan plan(params, {.training = false, .stream = stream}, kernels());
  forward_of_arrays(plan, batch, {.x = x, .kernel = kernel, .bias = bias, .y = y});
}

void conv2d_backward(const Conv2dParams& params, int64_t batch, const float* x, const float* kernel, const float* dy,
                     float* dx, float* dkernel, float* dbias) {
  const Shape out = conv2d_output_shape(params);
  const bool stream = worth_streaming(dx, batch * params.in_height * params.in_width * params.in_channels,
                                      batch * flops_of(params, out));
  const Conv2dPlan plan(params, {.input_grad = dx != nullptr, .stream = stream}, kernels());
  backward_of_arrays(plan, batch, {.x = x, .kernel = kernel, .dy = dy, .dx = dx, .dkernel = dkernel, .dbias = dbias});
}

}  // namespace cnncore
