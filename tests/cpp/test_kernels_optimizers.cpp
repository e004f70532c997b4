// The kernels of the optimizers on every instruction set, against their formulas in double.
#include <functional>

#include "arrays.h"
#include "isas.h"
#include "tracked.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<int64_t> sizes(int64_t width) {
  return {1, 2, 3, width - 1, width, width + 1, 2 * width - 1, 2 * width + 1, 4 * width, 4 * width + 3, 97};
}

// Parameters, gradients and up to three vectors of state, between unreadable pages.
struct Vectors {
  Floats params, grads, a, b, c;
  std::vector<float> p0, g0, a0, b0, c0;

  Vectors(int64_t size, Random& random)
      : params(size, random), grads(size, random), a(size, random), b(size, random), c(size, random) {
    fill(params, random), fill(grads, random), fill(a, random), fill(b, random, 0, 1), fill(c, random, 0, 1);
    grads[0] = 0.0f;  // a parameter that has no gradient yet
    p0 = params.copy(), g0 = grads.copy(), a0 = a.copy(), b0 = b.copy(), c0 = c.copy();
  }
  int64_t size() const { return params.size(); }
};

struct Element {
  Tracked p, g, a, b, c;
};

// `rule` computes in double what the kernel computes for one element. Vectors that the rule does not use must not
// change.
void check_against(const Vectors& v, const std::function<void(Element&)>& rule) {
  Mismatches wrong;
  for (int64_t i = 0; i < v.size(); ++i) {
    const size_t j = static_cast<size_t>(i);
    Element e{v.p0[j], v.g0[j], v.a0[j], v.b0[j], v.c0[j]};
    rule(e);
    wrong.expect(v.params[i], e.p.value, e.p.error);
    wrong.expect(v.grads[i], v.g0[j], 0);
    wrong.expect(v.a[i], e.a.value, e.a.error);
    wrong.expect(v.b[i], e.b.value, e.b.error);
    wrong.expect(v.c[i], e.c.value, e.c.error);
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  for (const Floats* array : {&v.params, &v.grads, &v.a, &v.b, &v.c}) CHECK(array->intact());
}

void for_vectors(const std::function<void(const OptimizerKernels&, Vectors&, Random&)>& test) {
  for_each_isa([&](const Kernels& k) {
    Random random(36);
    for (const int64_t size : sizes(k.width)) {
      CAPTURE(size);
      Vectors vectors(size, random);
      test(k.optimizer, vectors, random);
    }
  });
}

constexpr float kEpsilon = 1e-7f, kBeta1 = 0.9f, kRest1 = 0.1f, kBeta2 = 0.99f, kRest2 = 0.01f, kRate = 0.05f;

void update_moments(Element& e) {  // m in a, v in b
  e.a = e.a * kBeta1 + e.g * kRest1;
  e.b = e.b * kBeta2 + e.g * e.g * kRest2;
}

}  // namespace

TEST_CASE("sgd is its formula") {
  for (const bool with_velocity : {false, true})
    for (const bool nesterov : {false, true})
      for_vectors([&](const OptimizerKernels& k, Vectors& v, Random&) {
        k.sgd(
            {v.params.data(), v.grads.data(), with_velocity ? v.a.data() : nullptr, v.size(), kRate, kBeta1, nesterov});
        check_against(v, [&](Element& e) {
          if (with_velocity) e.a = e.a * kBeta1 - e.g * kRate;
          const Tracked ahead = e.a * kBeta1 - e.g * kRate;
          e.p = e.p + (!with_velocity ? Tracked(-kRate) * e.g : nesterov ? ahead : e.a);
        });
      });
}

TEST_CASE("adam is its formula, and amsgrad keeps the largest second moment") {
  for (const bool amsgrad : {false, true})
    for_vectors([&](const OptimizerKernels& k, Vectors& v, Random&) {
      k.adam({v.params.data(), v.grads.data(), v.a.data(), v.b.data(), amsgrad ? v.c.data() : nullptr, v.size(), kBeta1,
              kRest1, kBeta2, kRest2, kEpsilon, kRate});
      check_against(v, [&](Element& e) {
        update_moments(e);
        if (amsgrad) e.c = largest(e.c, e.b);
        e.p = e.p - Tracked(kRate) * (e.a / (root(amsgrad ? e.c : e.b) + kEpsilon));
      });
    });
}

TEST_CASE("nadam is its formula") {
  for_vectors([](const OptimizerKernels& k, Vectors& v, Random&) {
    k.nadam({v.params.data(), v.grads.data(), v.a.data(), v.b.data(), v.size(), kBeta1, kRest1, kBeta2, kRest2,
             kEpsilon, 0.03f, 0.02f, 1.5f});
    check_against(v, [](Element& e) {
      update_moments(e);
      e.p = e.p - (e.a * 0.03f + e.g * 0.02f) / (root(e.b * 1.5f) + kEpsilon);
    });
  });
}

TEST_CASE("adamax is its formula") {
  for_vectors([](const OptimizerKernels& k, Vectors& v, Random&) {
    k.adamax(
        {v.params.data(), v.grads.data(), v.a.data(), v.b.data(), v.size(), kBeta1, kRest1, kBeta2, kEpsilon, kRate});
    check_against(v, [](Element& e) {
      e.a = e.a * kBeta1 + e.g * kRest1;
      e.b = largest(e.b * kBeta2, absolute(e.g));
      e.p = e.p - Tracked(kRate) * (e.a / (e.b + kEpsilon));
    });
  });
}

TEST_CASE("rmsprop is its formula, with and without momentum, centered or not") {
  for (const bool momentum : {false, true})
    for (const bool centered : {false, true})
      for_vectors([&](const OptimizerKernels& k, Vectors& v, Random&) {
        // The random state may have a negative variance, which gradients never produce; this epsilon makes its root
        // real.
        constexpr float epsilon = 2.0f;
        k.rmsprop({v.params.data(), v.grads.data(), v.b.data(), momentum ? v.a.data() : nullptr,
                   centered ? v.c.data() : nullptr, v.size(), kRate, kBeta2, kRest2, kBeta1, epsilon});
        check_against(v, [&](Element& e) {
          e.b = e.b * kBeta2 + e.g * e.g * kRest2;
          if (centered) e.c = e.c * kBeta2 + e.g * kRest2;
          const Tracked variance = centered ? e.b - e.c * e.c : e.b;
          Tracked step = e.g * kRate / root(variance + epsilon);
          if (momentum) e.a = step = e.a * kBeta1 + step;
          e.p = e.p - step;
        });
      });
}

TEST_CASE("adagrad is its formula") {
  for_vectors([](const OptimizerKernels& k, Vectors& v, Random&) {
    k.adagrad({v.params.data(), v.grads.data(), v.b.data(), v.size(), kRate, kEpsilon});
    check_against(v, [](Element& e) {
      e.b = e.b + e.g * e.g;
      e.p = e.p - e.g * kRate / root(e.b + kEpsilon);
    });
  });
}

TEST_CASE("adadelta is its formula") {
  for_vectors([](const OptimizerKernels& k, Vectors& v, Random&) {
    k.adadelta({v.params.data(), v.grads.data(), v.b.data(), v.c.data(), v.size(), kRate, kBeta2, kRest2, kEpsilon});
    check_against(v, [](Element& e) {
      e.b = e.b * kBeta2 + e.g * e.g * kRest2;
      const Tracked move = root(e.c + kEpsilon) * e.g / root(e.b + kEpsilon);
      e.c = e.c * kBeta2 + move * move * kRest2;
      e.p = e.p - Tracked(kRate) * move;
    });
  });
}

TEST_CASE("lion is its formula, and stands still where there is no direction") {
  for_vectors([](const OptimizerKernels& k, Vectors& v, Random&) {
    v.a[0] = v.a0[0] = 0.0f;  // the gradient there is zero, too
    k.lion({v.params.data(), v.grads.data(), v.a.data(), v.size(), kRate, kBeta1, kRest1, kBeta2, kRest2});
    check_against(v, [](Element& e) {
      const double direction = (e.a * kBeta1 + e.g * kRest1).value;
      e.p = e.p - Tracked(direction > 0 ? kRate : direction < 0 ? -kRate : 0.0f);
      e.a = e.a * kBeta2 + e.g * kRest2;
    });
  });
}

TEST_CASE("gradients are scaled and limited, averages move, squares are summed") {
  for_each_isa([](const Kernels& k) {
    Random random(37);
    for (const int64_t size : sizes(k.width)) {
      Floats x(size, random), y(size, random);
      fill(x, random, -4, 4);
      for (const float limit : {1.5f, kInfinity}) {
        k.optimizer.clip(x.data(), y.data(), size, 0.5f, limit);
        for (int64_t i = 0; i < size; ++i) CHECK(y[i] == std::clamp(0.5f * x[i], -limit, limit));
      }
      fill(y, random);
      const std::vector<float> y0 = y.copy();
      k.optimizer.blend(x.data(), y.data(), size, 0.75f, 0.25f);
      Mismatches wrong;
      double squares = 0;
      for (int64_t i = 0; i < size; ++i) {
        const Tracked mean = Tracked(0.75) * y0[static_cast<size_t>(i)] + Tracked(0.25) * x[i];
        wrong.expect(y[i], mean.value, mean.error);
        squares += static_cast<double>(x[i]) * x[i];
      }
      wrong.expect(k.optimizer.sum_squares(x.data(), size), squares, squares * kUnit * static_cast<double>(size + 1));
      CHECK(wrong.count == 0);
      CHECK((x.intact() && y.intact()));
      x[size - 1] = 1e30f;
      CHECK(std::isinf(k.optimizer.sum_squares(x.data(), size)));
    }
  });
}
