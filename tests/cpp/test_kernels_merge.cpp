// Merges of broadcast shapes, PReLU, concatenation and dot products of every instruction set against double.
#include <functional>

#include "arrays.h"
#include "isas.h"
#include "ops/merge_rows.h"
#include "ops/prelu_rows.h"
#include "reference.h"

using namespace cnncore;
using namespace testing;

namespace {

using Values = std::vector<std::vector<float>>;

Shape random_shape(Random& random) {
  Shape shape(static_cast<size_t>(random.integer(1, 4)));
  for (int64_t& size : shape) size = random.pick<int64_t>({1, 2, 3, 5, 17, 40});
  while (element_count(shape) > 40000) shape.pop_back();
  return shape;
}

// Returns a shape that broadcasts to `shape`: some axes have size 1, and sometimes the leading axes are left out.
Shape repeated(Shape shape, Random& random) {
  for (int64_t& size : shape)
    if (random.coin()) size = 1;
  while (shape.size() > 1 && shape[0] == 1 && random.coin()) shape.erase(shape.begin());
  return shape;
}

// Returns the index in an input of element `at` of the output.
int64_t source(const Shape& output, const Shape& input, int64_t at) {
  int64_t offset = 0, step = 1;
  for (size_t a = output.size(), i = input.size(); i-- > 0;) {
    const int64_t position = at % output[--a];
    at /= output[a];
    offset += (input[i] == 1 ? 0 : position) * step;
    step *= input[i];
  }
  return offset;
}

double folded(Merge kind, const std::vector<double>& v) {
  double y = v[0];
  for (size_t i = 1; i < v.size(); ++i) switch (kind) {
      case Merge::add:
      case Merge::average: y += v[i]; break;
      case Merge::subtract: y -= v[i]; break;
      case Merge::multiply: y *= v[i]; break;
      case Merge::maximum: y = std::fmax(y, v[i]); break;
      case Merge::minimum: y = std::fmin(y, v[i]); break;
    }
  return kind == Merge::average ? y / static_cast<double>(v.size()) : y;
}

double slope(Merge kind, const std::vector<double>& v, size_t input) {
  switch (kind) {
    case Merge::add: return 1;
    case Merge::average: return 1 / static_cast<double>(v.size());
    case Merge::subtract: return input == 0 ? 1 : -1;
    case Merge::multiply: {
      double product = 1;
      for (size_t i = 0; i < v.size(); ++i) product *= i == input ? 1 : v[i];
      return product;
    }
    case Merge::maximum: return std::max_element(v.begin(), v.end()) - v.begin() == static_cast<int64_t>(input);
    case Merge::minimum: return std::min_element(v.begin(), v.end()) - v.begin() == static_cast<int64_t>(input);
  }
  return 0;
}

void check_merge(const Kernels& k, Merge kind, const std::vector<Shape>& shapes, Random& random) {
  const MergePlan plan(kind, shapes);
  const Shape& out = plan.output_shape();
  constexpr int64_t kCount = 3;
  const int64_t size = element_count(out);
  Values x;
  std::vector<const float*> pointers;
  for (const Shape& shape : shapes) {
    x.emplace_back(static_cast<size_t>(kCount * element_count(shape)));
    for (float& value : x.back())
      value = static_cast<float>(random.integer(-3, 3));  // so that equal values are frequent
    pointers.push_back(x.back().data());
  }
  Floats y(kCount * size, random), dy(kCount * size, random);
  fill_integers(dy, random, 9);
  plan.forward(k, kCount, pointers.data(), y.data());
  std::vector<Sums> expected;
  for (const auto& values : x) expected.emplace_back(values.size());
  Mismatches wrong;
  for (int64_t n = 0; n < kCount; ++n)
    for (int64_t at = 0; at < size; ++at) {
      std::vector<double> v;
      for (size_t i = 0; i < x.size(); ++i)
        v.push_back(x[i][static_cast<size_t>(n * element_count(shapes[i]) + source(out, shapes[i], at))]);
      wrong.expect(y[n * size + at], folded(kind, v), 3 * kUnit * 30);
      for (size_t i = 0; i < x.size(); ++i)
        expected[i][static_cast<size_t>(n * element_count(shapes[i]) + source(out, shapes[i], at))].add(
            dy[n * size + at], slope(kind, v, i));
    }
  for (size_t i = 0; i < x.size(); ++i) {
    Floats dx(static_cast<int64_t>(x[i].size()), random);
    plan.backward(k, kCount, static_cast<int>(i), plan.needs_inputs() ? pointers.data() : nullptr, dy.data(), dx.data(),
                  false);
    for (int64_t j = 0; j < dx.size(); ++j) wrong.expect(dx[j], expected[i][static_cast<size_t>(j)], 2);
    plan.backward(k, kCount, static_cast<int>(i), pointers.data(), dy.data(), dx.data(), true);
    for (int64_t j = 0; j < dx.size(); ++j) {
      const Sum& once = expected[i][static_cast<size_t>(j)];
      wrong.expect(dx[j], 2 * once.value, 3 * once.bound(2));
    }
    CHECK(dx.intact());
  }
  const std::string name = to_string(kind);
  CAPTURE(name);
  CAPTURE(to_string(out));
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((y.intact() && dy.intact()));
}

}  // namespace

TEST_CASE("merges of random broadcast shapes, and their gradients") {
  for_each_isa([](const Kernels& k) {
    Random random(81);
    for (int i = 0; i < 60; ++i) {
      const Shape shape = random_shape(random);
      for (const char* name : {"add", "subtract", "multiply", "average", "maximum", "minimum"}) {
        const Merge kind = parse_merge(name);
        std::vector<Shape> shapes = {random.coin() ? shape : repeated(shape, random), shape};
        if (kind != Merge::subtract && random.coin()) shapes.push_back(repeated(shape, random));
        if (kind != Merge::subtract && i == 0) shapes = {shape};
        check_merge(k, kind, shapes, random);
      }
    }
  });
}

TEST_CASE("a maximum or minimum keeps a NaN, whichever input it is in") {
  for_each_isa([](const Kernels& k) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float a[] = {nan, 1, nan, 2}, b[] = {1, nan, nan, 3};
    const float* x[] = {a, b};
    for (const Merge kind : {Merge::maximum, Merge::minimum}) {
      float y[4];
      MergePlan(kind, {{4}, {4}}).forward(k, 1, x, y);
      CHECK((std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2]) && !std::isnan(y[3])));
    }
  });
}

TEST_CASE("merges refuse what makes no sense") {
  CHECK_THROWS_WITH_AS(MergePlan(Merge::add, {{2, 3}, {2, 4}}),
                       "[add] expected shapes whose sizes along every axis are equal or 1. Received: (2, 3), (2, 4)",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(MergePlan(Merge::add, {{2, 0}, {2, 1}}),
                       "[add] expected samples of at least one value. Received: (2, 0), (2, 1)", std::invalid_argument);
  CHECK_THROWS_WITH_AS(MergePlan(Merge::subtract, {{2}, {2}, {2}}), "[subtract] expected two inputs. Received: 3",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(parse_merge("plus"),
                       "[merge] expected one of add, subtract, multiply, average, maximum, minimum. Received: 'plus'",
                       std::invalid_argument);
}

TEST_CASE("prelu with shared axes") {
  for_each_isa([](const Kernels& k) {
    Random random(82);
    for (int i = 0; i < 40; ++i) {
      const Shape shape = random_shape(random);
      Shape shared = shape;
      for (int64_t& size : shared)
        if (random.coin()) size = 1;
      const PreluPlan plan(shape, shared);
      constexpr int64_t kCount = 2;
      const int64_t size = element_count(shape), alphas = element_count(shared);
      Floats x(kCount * size, random), y(x.size(), random), dy(x.size(), random), dx(x.size(), random);
      Floats alpha(alphas, random), dalpha(alphas, random);
      fill(x, random), fill(dy, random), fill(alpha, random), std::fill_n(dalpha.data(), alphas, 1.0f);
      plan.forward(k, kCount, x.data(), alpha.data(), y.data());
      plan.backward(k, kCount, x.data(), alpha.data(), dy.data(), dx.data(), dalpha.data());
      Mismatches wrong;
      Sums sums(static_cast<size_t>(alphas));
      for (Sum& sum : sums) sum.add(1);
      for (int64_t at = 0; at < x.size(); ++at) {
        const int64_t own = source(shape, shared, at % size);
        wrong.expect(y[at], x[at] > 0 ? x[at] : static_cast<double>(x[at]) * alpha[own], kUnit);
        wrong.expect(dx[at], x[at] > 0 ? dy[at] : static_cast<double>(dy[at]) * alpha[own], kUnit);
        if (x[at] <= 0) sums[static_cast<size_t>(own)].add(x[at], dy[at]);
      }
      for (int64_t a = 0; a < alphas; ++a) wrong.expect(dalpha[a], sums[static_cast<size_t>(a)], 1);
      CHECK(wrong.count == 0);
      CHECK((x.intact() && y.intact() && dy.intact() && dx.intact() && alpha.intact() && dalpha.intact()));
    }
  });
  CHECK_THROWS_WITH_AS(PreluPlan({4, 3}, {3}),
                       "[prelu] expected an alpha of the sample's shape, with 1 along shared axes. Received: x (4, 3), "
                       "alpha (3,)",
                       std::invalid_argument);
}

TEST_CASE("concatenation and its parts") {
  for_each_isa([](const Kernels& k) {
    const float a[] = {1, 2, 3, 4}, b[] = {5, 6};  // two samples of shape (2, 1) and two of shape (1, 1)
    const float* x[] = {a, b};
    const ConcatenatePlan plan(0, {{2, 1}, {1, 1}});
    CHECK(plan.output_shape() == Shape{3, 1});
    float y[6], dx[4] = {10, 10, 10, 10};
    plan.forward(2, x, y);
    CHECK((std::vector<float>(y, y + 6) == std::vector<float>{1, 2, 5, 3, 4, 6}));
    plan.backward(k, 2, 0, y, dx, true);
    CHECK((std::vector<float>(dx, dx + 4) == std::vector<float>{11, 12, 13, 14}));
    plan.backward(k, 2, 0, y, dx, false);
    CHECK((std::vector<float>(dx, dx + 4) == std::vector<float>{1, 2, 3, 4}));
  });
  CHECK(ConcatenatePlan(-2, {{2, 3}, {4, 3}}).output_shape() == Shape{6, 3});
  CHECK_THROWS_WITH_AS(ConcatenatePlan(1, {{2, 3}, {4, 3}}),
                       "[concatenate] expected shapes that are equal except along axis 1. Received: (2, 3), (4, 3)",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(ConcatenatePlan(2, {{2, 3}}),
                       "[concatenate] expected an axis of samples of shape (2, 3). Received: 2", std::invalid_argument);
}

// The sums of DotPlan in double, as one value of x1, one of x2 and one of y for each term.
template <class Visit>
void each_product(const Shape& x1, int axis_1, const Shape& x2, int axis_2, const Visit& visit) {
  const auto step = [](const Shape& shape, int axis) {
    return std::accumulate(shape.begin() + axis + 1, shape.end(), int64_t{1}, std::multiplies<>());
  };
  const int64_t terms = x1[static_cast<size_t>(axis_1)], step_1 = step(x1, axis_1), step_2 = step(x2, axis_2);
  const auto begin = [&](int64_t v, int64_t inner) { return v / inner * inner * terms + v % inner; };
  const int64_t vectors_1 = element_count(x1) / terms, vectors_2 = element_count(x2) / terms;
  for (int64_t i = 0; i < vectors_1; ++i)
    for (int64_t j = 0; j < vectors_2; ++j)
      for (int64_t t = 0; t < terms; ++t)
        visit(begin(i, step_1) + t * step_1, begin(j, step_2) + t * step_2, i * vectors_2 + j);
}

// A sum in double, and the sum of the sizes of its terms, to which the rounding errors of float are proportional.
struct ExactSums {
  explicit ExactSums(int64_t count) : sum(static_cast<size_t>(count)), size(sum) {}
  void add(int64_t at, double term) {
    sum[static_cast<size_t>(at)] += term, size[static_cast<size_t>(at)] += std::abs(term);
  }
  void check_close(const Floats& got, int64_t terms) const {
    CHECK(got.intact());
    int64_t wrong = 0;
    for (size_t i = 0; i < sum.size(); ++i)
      wrong += !(std::abs(got.data()[i] - sum[i]) <= static_cast<double>(terms + 1) * kUnit * size[i]);
    CHECK(wrong == 0);
  }
  std::vector<double> sum, size;
};

TEST_CASE("dot products and their gradients") {
  for_each_isa([](const Kernels& k) {
    Random random(11);
    for (int round = 0; round < 40; ++round) {
      CAPTURE(round);
      Shape x1 = random_shape(random), x2 = random_shape(random);
      const int axis_1 = static_cast<int>(random.integer(0, static_cast<int64_t>(x1.size()) - 1));
      const int axis_2 = static_cast<int>(random.integer(0, static_cast<int64_t>(x2.size()) - 1));
      const int64_t terms = x2[static_cast<size_t>(axis_2)] = x1[static_cast<size_t>(axis_1)];
      const DotPlan plan(axis_1, axis_2, false, x1, x2);
      const int64_t outputs = element_count(plan.output_shape());
      if (outputs > 40000 || plan.flops() > 4000000) continue;
      const int64_t size_1 = element_count(x1), size_2 = element_count(x2);
      Floats a(2 * size_1, random), b(2 * size_2, random), dy(2 * outputs, random);
      fill(a, random), fill(b, random), fill(dy, random);
      ExactSums y(dy.size()), da(a.size()), db(b.size());
      for (int64_t n = 0; n < 2; ++n)
        each_product(x1, axis_1, x2, axis_2, [&](int64_t i, int64_t j, int64_t o) {
          i += n * size_1, j += n * size_2, o += n * outputs;
          const double u = a[i], v = b[j], d = dy[o];
          y.add(o, u * v), da.add(i, d * v), db.add(j, d * u);
        });
      Floats scratch(plan.scratch_size(), random), out(dy.size(), random), dx1(a.size(), random), dx2(b.size(), random);
      plan.forward(k, 2, a.data(), b.data(), out.data(), scratch.data());
      y.check_close(out, terms);
      plan.backward(k, 2, 0, {a.data(), b.data(), dy.data(), dx1.data()}, scratch.data());
      da.check_close(dx1, size_2 / terms);
      plan.backward(k, 2, 1, {a.data(), b.data(), dy.data(), dx2.data()}, scratch.data());
      db.check_close(dx2, size_1 / terms);
      CHECK(scratch.intact());
    }
  });
}

TEST_CASE("dot refuses axes that do not fit") {
  CHECK(DotPlan(0, 0, false, {5}, {5}).output_shape() == Shape{1});
  CHECK(DotPlan(0, 1, true, {5, 2}, {3, 5}).output_shape() == Shape{2, 3});
  CHECK_THROWS_WITH_AS(DotPlan(1, 0, false, {5, 2}, {5}),
                       "[dot] expected axes of the same size. Received: axis 1 of (5, 2), axis 0 of (5,)",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(DotPlan(1, 0, false, {5}, {5}), "[dot] expected an axis of samples of shape (5,). Received: 1",
                       std::invalid_argument);
}
