// Every algorithm of the fully connected layer, wherever it applies, against loops in double. A single sample is also
// computed alone, in any number of parts.
#include <set>

#include "arrays.h"
#include "isas.h"
#include "ops/dense_plan.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr int64_t kBatch = 37;

double rounding_of(Precision precision) {
  return precision == Precision::bfloat16 ? 0x1p-7 : precision == Precision::bfloat16_3x ? 0x1p-15 : 0;
}

struct Layer {
  DenseParams p;
  Floats x, kernel, bias, dy, y, dx, dkernel, dbias, packed, scratch, common, alone;

  Layer(const DenseParams& params, const DensePlan& plan, Random& random)
      : p(params),
        x(kBatch * p.features, random),
        kernel(p.features * p.units, random),
        bias(p.units, random),
        dy(kBatch * p.units, random),
        y(kBatch * p.units, random),
        dx(kBatch * p.features, random),
        dkernel(p.features * p.units, random),
        dbias(p.units, random),
        packed(plan.packed_size(), random),
        scratch(plan.scratch_size() + 16, random),
        common(plan.scratch_size() + 16, random),
        alone(p.units, random) {
    for (Floats* a : {&x, &kernel, &bias, &dy}) fill(*a, random);
    for (int64_t i = 0; i < x.size(); i += 3) x[i] = 0;  // zeros, which the algorithm for one sample leaves out
  }
  DenseRun run(float* to) {
    return {.x = x.data(),
            .kernel = kernel.data(),
            .packed = packed.data(),
            .bias = bias.data(),
            .y = to,
            .scratch = scratch.data(),
            .finite_kernel = true};
  }
};

void expect_output(const Layer& l, double rounding) {
  Mismatches wrong;
  for (int64_t i = 0; i < kBatch * l.p.units; ++i) {
    const int64_t n = i / l.p.units, u = i % l.p.units;
    Sum sum;
    sum.add(l.bias[u]);
    for (int64_t f = 0; f < l.p.features; ++f)
      sum.add(static_cast<double>(l.x[n * l.p.features + f]), static_cast<double>(l.kernel[f * l.p.units + u]));
    wrong.expect(static_cast<double>(l.y[i]), std::max(sum.value, 0.0), sum.bound(8) + rounding * sum.magnitude);
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
}

void expect_gradients(const Layer& l, const Floats& before, double rounding) {
  Mismatches wrong;
  for (int64_t n = 0; n < kBatch; ++n)
    for (int64_t f = 0; f < l.p.features; ++f) {
      Sum sum;
      for (int64_t u = 0; u < l.p.units; ++u)
        sum.add(static_cast<double>(before[n * l.p.units + u]), static_cast<double>(l.kernel[f * l.p.units + u]));
      wrong.expect(static_cast<double>(l.dx[n * l.p.features + f]), sum.value, sum.bound() + rounding * sum.magnitude);
    }
  for (int64_t f = 0; f < l.p.features; ++f)
    for (int64_t u = 0; u < l.p.units; ++u) {
      Sum sum;
      for (int64_t n = 0; n < kBatch; ++n)
        sum.add(static_cast<double>(l.x[n * l.p.features + f]), static_cast<double>(before[n * l.p.units + u]));
      wrong.expect(static_cast<double>(l.dkernel[f * l.p.units + u]), sum.value,
                   sum.bound() + rounding * sum.magnitude);
    }
  // The gradient of the bias is a sum and not a product: in a reduced precision too, its terms are not rounded.
  for (int64_t u = 0; u < l.p.units; ++u) {
    Sum sum;
    for (int64_t n = 0; n < kBatch; ++n) sum.add(static_cast<double>(before[n * l.p.units + u]));
    wrong.expect(static_cast<double>(l.dbias[u]), sum.value, sum.bound());
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
}

void check_forced(const DenseParams& p, const char* name, bool skip_zeros, const Kernels& k, Random& random) {
  const DensePlan plan(p, {.activation = Activation::relu, .skip_zeros = skip_zeros}, 1, k, name);
  CHECK(std::string(plan.algorithm()) == name);
  Layer l(p, plan, random);
  const double rounding = rounding_of(p.precision);
  for (int64_t task = plan.tasks(); task-- > 0;) plan.pack(task, l.kernel.data(), l.packed.data());
  plan.forward(kBatch, l.run(l.y.data()));
  expect_output(l, rounding);
  for (const int64_t parts : {1, 2, 5}) {  // the first sample alone must give the same bits
    for (int64_t part = 0; part < parts; ++part) plan.forward_part(part, parts, l.run(l.alone.data()), l.common.data());
    plan.join_parts(l.run(l.alone.data()), l.common.data());
    CHECK(same_bits(l.alone.data(), l.y.data(), p.units));
  }
  Floats before(l.dy.size(), random);
  for (int64_t i = 0; i < before.size(); ++i) before[i] = l.y[i] > 0 ? l.dy[i] : 0.0f;
  plan.activation_gradient(kBatch, l.y.data(), l.dy.data());
  plan.backward_data(kBatch, l.dy.data(), l.packed.data(), l.dx.data(), l.scratch.data());
  for (int64_t task = 0; task < plan.tasks(); ++task)
    plan.weights(task, kBatch, l.x.data(), l.dy.data(), l.dkernel.data(), l.scratch.data());
  plan.bias(kBatch, l.dy.data(), l.dbias.data());
  expect_gradients(l, before, rounding);
  CHECK((l.packed.intact() && l.scratch.intact() && l.common.intact() && l.dx.intact() && l.dkernel.intact() &&
         l.dbias.intact()));
}

}  // namespace

TEST_CASE("dense: every algorithm is the layer, and one sample alone has the bits that it has among others") {
  std::set<std::string> seen;
  for_each_isa([&](const Kernels& k) {
    Random random(92);
    for (const DenseParams& p : {DenseParams{1, 1}, DenseParams{37, 19}, DenseParams{200, 33}, DenseParams{640, 64},
                                 DenseParams{96, 64, Precision::bfloat16}, DenseParams{256, 32, Precision::bfloat16_3x},
                                 DenseParams{100, 40, Precision::bfloat16}}) {
      CAPTURE(to_string(Shape{p.features, p.units}));
      CAPTURE(to_string(p.precision));
      for (const DenseCandidate* candidate : dense_candidates()) {
        if (candidate->speed({p, {}, 64}, k) == 0) continue;
        seen.insert(candidate->name);
        for (const bool skip_zeros : {false, true}) check_forced(p, candidate->name, skip_zeros, k, random);
      }
    }
  });
  CHECK(seen.size() == dense_candidates().size());
}

TEST_CASE("dense: an algorithm that does not apply, or that nobody knows, is refused") {
  for (const char* name : {"tiles", "fourier"})
    CHECK_THROWS_AS(DensePlan({3, 4}, {}, 1, kernels_scalar(), name), std::invalid_argument);
}
