// Every algorithm of every pass of conv2d, wherever it applies, against loops that follow the definition, in double.
#include <map>
#include <set>

#include "conv2d_cases.h"
#include "isas.h"
#include "reference.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr int64_t kBatch = 3;

// Draws a small convolution of any kind. Channels and filters often fill whole vectors and tiles.
Conv2dCase random_case(Random& random) {
  for (;;) {
    Conv2dCase c;
    Conv2dParams& p = c.params;
    p.in_height = random.integer(3, 9), p.in_width = random.integer(3, 9);
    p.in_channels = random.pick<int64_t>({1, 1, 2, 3, 4, 8, 16, 32});
    p.filters = random.pick<int64_t>({1, 2, 5, 8, 16, 32});
    const int64_t kind = random.integer(0, 5);
    if (kind == 0 && p.in_channels > 1) {  // depthwise
      p.groups = p.in_channels;
      p.filters = p.in_channels * random.integer(1, 3);
    }
    if (kind == 1 && p.in_channels % 2 == 0 && p.filters % 2 == 0) p.groups = 2;
    p.kernel_height = p.kernel_width = random.pick<int64_t>({1, 2, 3, 3, 3, 5});
    if (random.integer(0, 3) == 0) p.kernel_width = random.integer(1, 4);
    if (random.integer(0, 3) == 0) p.stride_height = 2;
    if (random.integer(0, 3) == 0) p.stride_width = random.integer(2, 3);
    if (random.integer(0, 4) == 0) p.dilation_height = 2;
    if (random.integer(0, 1) == 0) p.padding = {1, 1, 1, 1};
    if (random.integer(0, 3) == 0) p.padding = {random.integer(0, 2), 0, random.integer(0, 2), 1};
    if (random.integer(0, 3) == 0) p.precision = random.coin() ? Precision::bfloat16 : Precision::bfloat16_3x;
    c.fusion.max_pool = p.groups == 1 && random.integer(0, 2) == 0;
    c.fusion.activation = random.coin() ? Activation::relu : Activation::linear;
    c.fusion.input_grad = !c.fusion.max_pool || random.coin();
    if ((p.kernel_height - 1) * p.dilation_height >= p.in_height + p.padding.top + p.padding.bottom) continue;
    if (p.kernel_width > p.in_width + p.padding.left + p.padding.right) continue;
    const Shape out = conv2d_output_shape(p);
    if (c.fusion.max_pool && (out[0] < 2 || out[1] < 2)) continue;
    return c;
  }
}

std::string to_text(const Conv2dCase& c) {
  const Conv2dParams& p = c.params;
  return to_string(Shape{p.in_height, p.in_width, p.in_channels}) + ", kernel " +
         to_string(Shape{p.kernel_height, p.kernel_width, p.filters}) + ", strides " +
         to_string(Shape{p.stride_height, p.stride_width}) + ", dilation " + std::to_string(p.dilation_height) +
         ", groups " + std::to_string(p.groups) + ", padding " +
         to_string(Shape{p.padding.top, p.padding.bottom, p.padding.left, p.padding.right}) + ", " +
         to_string(p.precision) + (c.fusion.max_pool ? ", pool" : "") +
         (c.fusion.activation == Activation::relu ? ", relu" : "") + (c.fusion.input_grad ? "" : ", no dx");
}

// The largest relative error of one product, which comes from rounding its two operands.
double rounding_of(const Conv2dProblem& p) {
  switch (p.params.precision) {
    case Precision::bfloat16: return 0x1p-7;
    case Precision::bfloat16_3x: return 0x1p-15;
    default: return 0;
  }
}

// What an element of a sum may be off by: its own terms' roundings; for Winograd's algorithms a multiple of the largest
// element's magnitude, because its squares mix neighbours.
struct Tolerance {
  const Conv2dProblem& problem;
  std::string algorithm;
  double largest = 0;

  Tolerance(const Conv2dProblem& p, std::string name, const Sums& sums) : problem(p), algorithm(std::move(name)) {
    for (const Sum& sum : sums) largest = std::max(largest, sum.magnitude);
  }
  double of(const Sum& sum) const {
    const double rounded = rounding_of(problem) * sum.magnitude;
    if (algorithm.rfind("winograd", 0) != 0) return sum.bound(2) + rounded;
    return 64 * kUnit * largest + 4 * rounding_of(problem) * largest;
  }
};

// The arrays of one convolution and the expected results.
struct Expected {
  Conv2dProblem problem;
  ConvSizes sizes;
  int64_t pooled = 0;
  Floats x, kernel, bias, dy;
  Sums y;                         // before activation and pool
  std::vector<float> output;      // of the plan under test
  std::vector<uint8_t> winner;    // likewise
  std::vector<double> before_dy;  // the gradient before activation and pool, for that output
  Sums dx, dkernel, dbias;

  Expected(const Conv2dCase& c, Random& random)
      : problem(c.params, c.fusion),
        sizes(c.params, kBatch),
        pooled(kBatch * problem.y_size()),
        x(sizes.x, random),
        kernel(sizes.kernel, random),
        bias(c.params.filters, random),
        dy(pooled, random),
        y(static_cast<size_t>(sizes.y)) {
    fill(x, random), fill(kernel, random), fill(bias, random), fill(dy, random);
    for (int64_t i = 0; c.fusion.in_network && i < sizes.x; ++i) x[i] = std::max(x[i], 0.0f);
    for (int64_t i = 0; i < sizes.y; ++i) y[static_cast<size_t>(i)].add(bias[i % c.params.filters]);
    for_products(c.params, kBatch, [&](int64_t from, int64_t k, int64_t to) {
      y[static_cast<size_t>(to)].add(static_cast<double>(x[from]), static_cast<double>(kernel[k]));
    });
  }
  // Returns the index, in the array before the pool, of pixel i (0 to 3) of the window of output element e.
  int64_t before_pool(int64_t e, int64_t i) const {
    const int64_t filters = problem.params.filters, width = problem.used_width / 2, height = problem.used_height / 2;
    const int64_t f = e % filters, q = e / filters;
    const int64_t n = q / (height * width), row = q / width % height * 2 + i / 2, column = q % width * 2 + i % 2;
    return ((n * problem.out_height + row) * problem.out_width + column) * filters + f;
  }
  void backward() {
    before_dy.assign(y.size(), 0.0);
    for (int64_t e = 0; e < pooled; ++e) {
      const size_t at = static_cast<size_t>(e);
      if (problem.fusion.max_pool) {
        if (winner[at] < 4) before_dy[static_cast<size_t>(before_pool(e, winner[at]))] = dy[e];
      } else if (!problem.relu() || output[at] > 0) {
        before_dy[at] = dy[e];
      }
    }
    dx.assign(static_cast<size_t>(sizes.x), {}), dkernel.assign(static_cast<size_t>(sizes.kernel), {});
    dbias.assign(static_cast<size_t>(problem.params.filters), {});
    for_products(problem.params, kBatch, [&](int64_t from, int64_t k, int64_t to) {
      const double g = before_dy[static_cast<size_t>(to)];
      dx[static_cast<size_t>(from)].add(static_cast<double>(kernel[k]), g);
      dkernel[static_cast<size_t>(k)].add(static_cast<double>(x[from]), g);
    });
    for (size_t i = 0; i < before_dy.size(); ++i)
      dbias[i % static_cast<size_t>(problem.params.filters)].add(before_dy[i]);
  }
};

void expect_sums(const char* what, const float* values, const Sums& sums, const Tolerance& tolerance) {
  Mismatches wrong;
  for (size_t i = 0; i < sums.size(); ++i)
    wrong.expect(static_cast<double>(values[i]), sums[i].value, tolerance.of(sums[i]));
  CAPTURE(what);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
}

// A plan and the memory that it needs. Scratch memory and partial sums are first filled with NaN, because the plan must
// write each value before it reads it.
struct Running {
  Conv2dPlan plan;
  Floats packed, scratch, partials;

  Running(const Conv2dProblem& p, const Kernels& k, const Conv2dForced& forced, Random& random)
      : plan(p.params, p.fusion, k, {.data = p.fusion.input_grad, .forced = forced}),
        packed(plan.packed_size(), random),
        scratch(plan.scratch_size() + 16, random),
        partials(2 * plan.partial_size(), random) {}

  void pack(const Expected& e) {
    for (int64_t task = plan.pack_tasks(); task-- > 0;) plan.pack(task, e.kernel.data(), packed.data());
  }
  void forward(Expected& e) {
    e.output.assign(static_cast<size_t>(e.pooled), 0.0f), e.winner.assign(static_cast<size_t>(e.pooled), 0);
    for (int64_t n = 0; n < kBatch; n += plan.images())
      plan.forward(std::min(plan.images(), kBatch - n),
                   {.x = e.x.data() + n * plan.input_size(),
                    .kernel = e.kernel.data(),
                    .packed = packed.data(),
                    .bias = e.bias.data(),
                    .y = e.output.data() + n * plan.output_size(),
                    .winner = e.problem.fusion.max_pool ? e.winner.data() + n * plan.output_size() : nullptr,
                    .scratch = scratch.data(),
                    .finite_kernel = true});
  }
  // Every image once more, in parts as threads that share it compute them, each in scratch memory that begins as NaN.
  void check_parts(const Expected& e, Random& random) const {
    for (const int64_t parts : {2, 3, 7}) {
      for (int64_t n = 0; n < kBatch; ++n) {
        Floats y(plan.output_size(), random);
        bool whole = true;
        for (int64_t part = 0; part < parts; ++part) {
          Floats own(plan.scratch_size() + 16, random);
          plan.forward_part(part, parts,
                            {.x = e.x.data() + n * plan.input_size(),
                             .kernel = e.kernel.data(),
                             .packed = packed.data(),
                             .bias = e.bias.data(),
                             .y = y.data(),
                             .winner = nullptr,
                             .scratch = own.data(),
                             .finite_kernel = true});
          whole = whole && own.intact();
        }
        CAPTURE(parts);
        CHECK(same_bits(y.data(), e.output.data() + n * plan.output_size(), plan.output_size()));
        CHECK((whole && y.intact()));
      }
    }
  }
  // Two partial sums: the first sample, and the others.
  void backward(const Expected& e, float* dx, float* dkernel, float* dbias) {
    for (int64_t n = 0, step = 0; n < kBatch; n += step) {
      step = n == 0 ? 1 : std::min(plan.backward_images(), kBatch - n);
      plan.backward(step, {.x = e.x.data() + n * plan.input_size(),
                           .y = e.output.data() + n * plan.output_size(),
                           .winner = e.winner.data() + n * plan.output_size(),
                           .dy = e.dy.data() + n * plan.output_size(),
                           .packed = packed.data(),
                           .dx = e.problem.fusion.input_grad ? dx + n * plan.input_size() : nullptr,
                           .partial = partials.data() + (n > 0) * plan.partial_size(),
                           .overwrite = n <= 1,
                           .scratch = scratch.data()});
    }
    const Partials sums{partials.data(), 2, plan.partial_size()};
    for (int64_t task = 0; task < plan.reduce_tasks(); ++task) plan.reduce(task, sums, dkernel);
    plan.reduce_bias(sums, dbias);
  }
  bool intact() const { return packed.intact() && scratch.intact() && partials.intact(); }
};

void check_output(const Expected& e, const char* algorithm) {
  const Tolerance tolerance(e.problem, algorithm, e.y);
  Mismatches wrong;
  for (int64_t i = 0; i < e.pooled; ++i) {
    const float value = e.output[static_cast<size_t>(i)];
    if (!e.problem.fusion.max_pool) {
      const Sum& sum = e.y[static_cast<size_t>(i)];
      wrong.expect(static_cast<double>(value), e.problem.relu() ? std::max(sum.value, 0.0) : sum.value,
                   tolerance.of(sum));
      continue;
    }
    double most = e.problem.relu() ? 0.0 : -1e30, bound = 0;
    for (int64_t place = 0; place < 4; ++place) {
      const Sum& sum = e.y[static_cast<size_t>(e.before_pool(i, place))];
      most = std::max(most, sum.value), bound = std::max(bound, tolerance.of(sum));
    }
    wrong.expect(static_cast<double>(value), most, bound);
    const uint8_t winner = e.winner[static_cast<size_t>(i)];  // the value there must be about the largest
    const double won = winner < 4 ? e.y[static_cast<size_t>(e.before_pool(i, winner))].value : 0.0;
    wrong.expect(won, most, 2 * bound);
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
}

// Runs the plan with the given algorithms and checks everything that they compute.
void check_forced(const Conv2dCase& c, const Kernels& k, const Conv2dForced& forced, uint64_t seed) {
  Random random(seed);
  Expected e(c, random);
  Running running(e.problem, k, forced, random);
  const Conv2dAlgorithms names = running.plan.algorithms();
  CAPTURE(std::string(names.forward) + " " + names.data + " " + names.weights);
  running.pack(e);
  running.forward(e);
  check_output(e, names.forward);
  running.check_parts(e, random);
  e.backward();
  Floats dx(e.sizes.x, random), dkernel(e.sizes.kernel, random), dbias(c.params.filters, random);
  running.backward(e, dx.data(), dkernel.data(), dbias.data());
  if (c.fusion.input_grad) expect_sums("dx", dx.data(), e.dx, {e.problem, names.data, e.dx});
  expect_sums("dkernel", dkernel.data(), e.dkernel, {e.problem, names.weights, e.dkernel});
  // The gradient of the bias is a sum and not a product: in a reduced precision too, its terms are not rounded.
  Conv2dProblem unrounded = e.problem;
  unrounded.params.precision = Precision::float32;
  expect_sums("dbias", dbias.data(), e.dbias, {unrounded, "direct", e.dbias});
  CHECK((running.intact() && dx.intact() && dkernel.intact() && dbias.intact()));
}

template <class Candidates>
std::vector<const char*> applying(const Candidates& candidates, const Conv2dProblem& problem, const Kernels& k) {
  std::vector<const char*> names;
  for (const auto* candidate : candidates)
    if (candidate->speed(problem, k) > 0) names.push_back(candidate->name);
  return names;
}

// Checks each algorithm that applies together with the fastest ones of the other passes, and one random combination.
void check_candidates(const Conv2dCase& c, const Kernels& k, uint64_t seed, std::set<std::string>& seen) {
  const Conv2dProblem problem(c.params, c.fusion);
  const auto forward = applying(forward_candidates(), problem, k), data = applying(data_candidates(), problem, k),
             weights = applying(weights_candidates(), problem, k);
  Random random(seed);
  for (const char* name : forward) seen.insert(std::string("forward ") + name), check_forced(c, k, {name}, seed);
  for (const char* name : weights)
    seen.insert(std::string("weights ") + name), check_forced(c, k, {.weights = name}, seed);
  if (!c.fusion.input_grad) return;
  for (const char* name : data) seen.insert(std::string("data ") + name), check_forced(c, k, {.data = name}, seed);
  check_forced(c, k, {random.pick(forward), random.pick(data), random.pick(weights)}, seed);
}

}  // namespace

TEST_CASE("conv2d: every algorithm of every pass is the convolution, and any of them go together") {
  std::set<std::string> seen;
  bool patches = false;  // whether a vector of this machine is wide enough for the gradient of the input by patches
  for_each_isa([&](const Kernels& k) {
    patches |= k.width >= 16;
    Random random(91);
    for (int i = 0; i < 60; ++i) {
      const Conv2dCase c = random_case(random);
      CAPTURE(to_text(c));
      check_candidates(c, k, static_cast<uint64_t>(i), seen);
    }
    // those that random shapes seldom meet
    for (const char* text : {"9x9x1 f8 k3x3 relu pool first", "8x8x1 f2 k3x3 p1", "9x9x32 f32 k3x3 p1 bfloat16",
                             "8x8x32 f32 k3x3 p1 relu pool bfloat16_3x", "7x7x32 f32 k3x3 s2 p1 bfloat16",
                             // channels that do not fill vectors; images smaller than the kernel's reach
                             "8x8x24 f32 k3x3 p1 relu pool", "9x8x32 f48 k3x3 p1 relu pool", "7x6x20 f32 k3x3 p1 relu",
                             "3x3x24 f40 k3x3 p1 relu", "16x15x16 f16 k3x3 p1 relu", "13x14x32 f16 k3x3 p1 relu pool",
                             "1x1x17 f18 k3x3 p1", "4x5x20 f33 k3x3 s2 p0,1,0,1", "5x4x16 f16 k3x3 d2 p3",
                             // strides of 2 in squares
                             "9x8x32 f48 k3x3 s2 p1 relu infer skips", "8x8x20 f16 k3x3 s2 p0,1,0,1 infer skips",
                             "11x6x17 f32 k3x3 s2 infer skips",
                             // few squares, of which threads share the filters
                             "8x8x32 f64 k3x3 p1 relu infer skips", "7x7x16 f96 k3x3 p1 relu pool",
                             "8x8x32 f64 k3x3 s2 p0,1,0,1 infer skips",
                             // zeros that are left out
                             "7x5x37 f64 k1x1 relu skips", "5x5x200 f128 k1x1 s2x1 skips"}) {
      CAPTURE(std::string(text));
      check_candidates(parse_conv2d_case(text), k, 7, seen);
    }
  });
  for (const auto* c : forward_candidates()) CHECK(seen.count(std::string("forward ") + c->name) == 1);
  for (const auto* c : data_candidates())
    if (patches || c->name != std::string("patch")) CHECK(seen.count(std::string("data ") + c->name) == 1);
  for (const auto* c : weights_candidates()) CHECK(seen.count(std::string("weights ") + c->name) == 1);
}

TEST_CASE("conv2d: an algorithm that does not apply, or that nobody knows, is refused") {
  const Conv2dCase c = parse_conv2d_case("9x9x3 f4 k3x3 s2");
  for (const char* name : {"winograd", "fourier"})
    CHECK_THROWS_AS(Conv2dPlan(c.params, c.fusion, planning_machines().front(), {.forced = {.forward = name}}),
                    std::invalid_argument);
}
