#include "ops/conv2d/problem.h"

#include "ops/rounding.h"

namespace cnncore {

Conv2dProblem::Conv2dProblem(const Conv2dParams& given, const Conv2dFusion& fused_with)
    : params(given), fusion(fused_with) {
  const Shape out = conv2d_output_shape(given);
  params.precision = used_precision(given);
  out_height = out[0], out_width = out[1];
  used_height = fusion.max_pool ? out_height / 2 * 2 : out_height;
  used_width = fusion.max_pool ? out_width / 2 * 2 : out_width;
}

}  // namespace cnncore
