#include "cases.h"
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
            return check_elements("y", (*a)[3], out,
                                  [&](int64_t i) { return reference.forward(i, (*a)[0], (*a)[1], (*a)[2]); });
          },
          s.flops(kBatch), bytes_of({in, kernel, bias, out})};
}

Case dx(const Conv2dShape& s) {
  const int64_t in = s.in_size(kBatch), out = s.out_size(kBatch), kernel = s.kernel_size();
  auto a = random_arrays({in, kernel, out, in});
  const Conv2dParams p = s.params;
  return {[=] { conv2d_backward(p, kBatch, (*a)[0], (*a)[1], (*a)[2], (*a)[3], nullptr, nullptr); },
          [=] {
            const Conv2dReference reference(p, kBatch);
            return check_elements("dx", (*a)[3], in, [&](int64_t i) { return reference.dx(i, (*a)[1], (*a)[2]); });
          },
          s.flops(kBatch), bytes_of({kernel, out, in})};
}

Case dw(const Conv2dShape& s) {
  const int64_t in = s.in_size(kBatch), out = s.out_size(kBatch), kernel = s.kernel_size(), bias = s.params.filters;
  auto a = random_arrays({in, kernel, out, kernel, bias});
  const Conv2dParams p = s.params;
  return {[=] { conv2d_backward(p, kBatch, (*a)[0], (*a)[1], (*a)[2], nullptr, (*a)[3], (*a)[4]); },
          [=] {
            const Conv2dReference reference(p, kBatch);
            return check_elements("dkernel", (*a)[3], kernel,
                                  [&](int64_t i) { return reference.dkernel(i, (*a)[0], (*a)[2]); });
          },
          s.flops(kBatch), bytes_of({in, out, kernel, bias})};
}

}  // namespace

std::vector<NamedCase> conv2d_cases() {
  std::vector<NamedCase> cases;
  for (const Conv2dShape& shape : conv2d_shapes()) {
    cases.push_back({"conv2d/forward/" + shape.name, [shape] { return forward(shape); }});
    cases.push_back({"conv2d/dx/" + shape.name, [shape] { return dx(shape); }});
    cases.push_back({"conv2d/dw/" + shape.name, [shape] { return dw(shape); }});
  }
  return cases;
}

}  // namespace cnncore::bench
