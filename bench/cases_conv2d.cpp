#include "cases.h"
#include "kernels/kernels.h"
#include "shapes.h"

namespace cnncore::bench {
namespace {

Case forward(const Conv2dShape& s) {
  const int64_t in = s.in_size(kBatch), out = s.out_size(kBatch), kernel = s.kernel_size(), bias = s.params.filters;
  auto a = random_arrays({in, kernel, bias, out});
  const Conv2dParams p = s.params;
  return {[=] { conv2d(p, kBatch, (*a)[0], (*a)[1], (*a)[2], (*a)[3]); },
          [=] {
            const Conv2dReference reference(p, kBatch);
            return check_elements(
                "y", (*a)[3], out, [&](int64_t i) { return reference.forward(i, (*a)[0], (*a)[1], (*a)[2]); },
                p.precision);
          },
          s.flops(kBatch), bytes_of({in, kernel, bias, out}), p.precision};
}

Case dx(const Conv2dShape& s) {
  const int64_t in = s.in_size(kBatch), out = s.out_size(kBatch), kernel = s.kernel_size();
  auto a = random_arrays({in, kernel, out, in});
  const Conv2dParams p = s.params;
  return {[=] { conv2d_backward(p, kBatch, (*a)[0], (*a)[1], (*a)[2], (*a)[3], nullptr, nullptr); },
          [=] {
            const Conv2dReference reference(p, kBatch);
            return check_elements(
                "dx", (*a)[3], in, [&](int64_t i) { return reference.dx(i, (*a)[1], (*a)[2]); }, p.precision);
          },
          s.flops(kBatch), bytes_of({kernel, out, in}), p.precision};
}

Case dw(const Conv2dShape& s) {
  const int64_t in = s.in_size(kBatch), out = s.out_size(kBatch), kernel = s.kernel_size(), bias = s.params.filters;
  auto a = random_arrays({in, kernel, out, kernel, bias});
  const Conv2dParams p = s.params;
  return {[=] { conv2d_backward(p, kBatch, (*a)[0], (*a)[1], (*a)[2], nullptr, (*a)[3], (*a)[4]); },
          [=] {
            const Conv2dReference reference(p, kBatch);
            return check_elements(
                "dkernel", (*a)[3], kernel, [&](int64_t i) { return reference.dkernel(i, (*a)[0], (*a)[2]); },
                p.precision);
          },
          s.flops(kBatch), bytes_of({in, out, kernel, bias}), p.precision};
}

}  // namespace

std::vector<NamedCase> conv2d_cases() {
  std::vector<NamedCase> cases;
  const auto add = [&](const Conv2dShape& shape, const std::string& suffix) {
    cases.push_back({"conv2d/forward/" + shape.name + suffix, [shape] { return forward(shape); }});
    cases.push_back({"conv2d/dx/" + shape.name + suffix, [shape] { return dx(shape); }});
    cases.push_back({"conv2d/dw/" + shape.name + suffix, [shape] { return dw(shape); }});
  };
  for (Conv2dShape shape : conv2d_shapes()) {
    add(shape, "");
    if (shape.params.groups > 1 || shape.params.in_channels < kTileTerms) continue;  // no tiles for these
    for (const Precision precision : {Precision::bfloat16_3x, Precision::bfloat16}) {
      shape.params.precision = precision;
      add(shape, std::string("/") + to_string(precision));
    }
  }
  return cases;
}

}  // namespace cnncore::bench
