// Products with curvature: they are symmetric and linear in the direction, any number of threads gives the same bits,
// and wrong arguments are refused. The tests in Python compare their values with a float64 reference, for every op and
// loss.
#include "isas.h"
#include "networks.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr CurvatureKind kKinds[] = {CurvatureKind::hessian, CurvatureKind::gauss_newton, CurvatureKind::fisher};

using Floats32 = std::vector<float>;

double inner(const Floats32& a, const Floats32& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// Returns random values in the slots; the gaps between slots hold values that must not be read.
Floats32 direction(const ChainNetwork& network, Random& random) {
  Floats32 v(static_cast<size_t>(network.parameter_count()), std::nanf(""));
  for (const ParameterSlot& slot : network.slots())
    for (int64_t i = 0; i < element_count(slot.shape); ++i)
      v[static_cast<size_t>(slot.offset + i)] = static_cast<float>(random.integer(-4, 4)) / 4;
  return v;
}

Floats32 without_gaps(const ChainNetwork& network, const Floats32& v) {
  Floats32 kept(v.size());
  for (const ParameterSlot& slot : network.slots())
    for (int64_t i = 0; i < element_count(slot.shape); ++i)
      kept[static_cast<size_t>(slot.offset + i)] = v[static_cast<size_t>(slot.offset + i)];
  return kept;
}

struct Product {
  ChainNetwork& network;
  const Model& model;
  Batch batch;
  Floats32 operator()(CurvatureKind kind, const Floats32& v) const {
    Floats32 product(v.size(), std::nanf(""));
    network.curvature_product(kind, batch, model.spec(), v.data(), product.data());
    return product;
  }
};

}  // namespace

TEST_CASE("curvature_product: symmetric, linear, and zero in the gaps") {
  for_each_isa([](const Kernels&) {
    std::vector<Model> all = models();
    all.push_back(large_model());
    for (const Model& model : all) {
      CAPTURE(model.name);
      Random random(83);
      ChainNetwork network = model.network();
      randomize(network, random);
      const Data data(network, model.name == "large" ? 2 : 20, 1, random);
      const Product product{network, model, data.batch(model)};
      const Floats32 u = direction(network, random), v = direction(network, random);
      Floats32 twice = v;
      for (float& value : twice) value *= 2;
      for (const CurvatureKind kind : kKinds) {
        const Floats32 hu = product(kind, u), hv = product(kind, v);
        const double bound = static_cast<double>(model.reductions) * kUnit * std::sqrt(inner(hv, hv)) *
                             std::sqrt(static_cast<double>(u.size()));
        CHECK(inner(without_gaps(network, u), hv) ==
              doctest::Approx(inner(without_gaps(network, v), hu)).epsilon(1e-4).scale(bound + 1e-6));
        CHECK(without_gaps(network, hv) == hv);
        const Floats32 doubled = product(kind, twice);
        Floats32 expected = hv;
        for (float& value : expected) value *= 2;
        CHECK(doubled == expected);
        if (kind != CurvatureKind::hessian) CHECK(inner(without_gaps(network, v), hv) >= -bound);
      }
    }
  });
}

TEST_CASE("curvature_product: the same bits at 1, 2, 3 and 8 threads") {
  const int before = num_threads();
  for_each_isa([](const Kernels&) {
    for (const Model& model : models()) {
      CAPTURE(model.name);
      Random random(84);
      ChainNetwork network = model.network();
      randomize(network, random);
      const Data data(network, 24, 1, random);
      const Product product{network, model, data.batch(model)};
      const Floats32 v = direction(network, random);
      for (const CurvatureKind kind : kKinds) {
        set_num_threads(1);
        const Floats32 expected = product(kind, v);
        for (const int threads : {2, 3, 8}) {
          set_num_threads(threads);
          CHECK(product(kind, v) == expected);
        }
      }
    }
  });
  set_num_threads(before);
}

TEST_CASE("curvature_product refuses kinds and losses that make no sense") {
  CHECK(parse_curvature("gauss_newton") == CurvatureKind::gauss_newton);
  CHECK_THROWS_WITH(parse_curvature("newton"),
                    "[curvature] expected \"hessian\", \"gauss_newton\" or \"fisher\". Received: \"newton\"");
  Random random(85);
  const Model model = models().front();
  ChainNetwork network = model.network();
  const Data data(network, 4, 1, random);
  Floats32 v(static_cast<size_t>(network.parameter_count())), product(v.size());
  CHECK_THROWS_WITH(network.curvature_product(CurvatureKind::fisher, data.batch(model),
                                              {.kind = LossKind::sparse_categorical_crossentropy, .label_smoothing = 2},
                                              v.data(), product.data()),
                    doctest::Contains("label_smoothing in [0, 1]"));
}
