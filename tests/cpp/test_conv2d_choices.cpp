// A table of the algorithm that each pass of a convolution uses on each machine. Change it only after a measurement.
#include <algorithm>
#include <limits>
#include <map>
#include <sstream>

#include "conv2d_cases.h"

using namespace cnncore;
using namespace testing;

namespace {

// One line per convolution: the algorithms of the forward pass, of the gradient of the input and of the gradient of the
// kernel; then the machines that use other ones.
constexpr const char* kChoices = R"(
28x28x1 f32 k3x3 relu pool first: direct none patch
28x28x1 f32 k3x3 relu pool infer: direct none none
28x28x1 f32 k3x3 relu pool: direct planes patch; scalar direct winners patch; neon direct winners patch
28x28x1 f32 k3x3 relu first: direct none direct
13x13x32 f64 k3x3 relu pool: winograd winners winners; avx512 winograd patch winners; avx512_bf16 winograd patch winners; amx winograd patch winners
13x13x32 f64 k3x3 relu pool infer: winograd none none
12x12x32 f64 k3x3 relu: winograd winograd4 winograd
28x28x1 f6 k5x5 p2 relu pool first: direct none winners; avx512 direct none direct; avx512_bf16 direct none direct; amx direct none direct
28x28x1 f6 k5x5 p2 first: direct none direct; avx512 rows none rows; avx512_bf16 rows none rows; amx rows none rows
28x28x1 f6 k5x5 p2: direct planes direct; avx512 rows planes rows; avx512_bf16 rows planes rows; amx rows planes rows
14x14x6 f16 k5x5 relu pool: direct winners winners
14x14x6 f16 k5x5: direct direct direct; avx512 direct planes direct; avx512_bf16 direct planes direct; amx direct planes direct
5x5x16 f120 k5x5 relu: direct direct direct
32x32x3 f32 k3x3 p1 relu first: direct none direct
32x32x32 f32 k3x3 p1 relu pool: winograd4 winograd4 winners; avx512 winograd4 patch winners; avx512_bf16 winograd4 patch winners; amx winograd4 patch winners
16x16x32 f64 k3x3 p1 relu: winograd4 winograd4 winograd4
16x16x64 f64 k3x3 p1 relu pool: winograd4 winograd4 winners; avx512 winograd4 patch winners; avx512_bf16 winograd4 patch winners; amx winograd4 patch winners
8x8x64 f128 k3x3 p1 relu: winograd4 winograd4 winograd4
8x8x128 f128 k3x3 p1 relu pool: winograd4 winners winners; avx512 winograd4 patch winners; avx512_bf16 winograd4 patch winners; amx winograd4 patch winners
4x4x128 f128 k3x3 p1: winograd4 winograd4 winograd4
31x31x24 f32 k3x3 p1 pool: winograd4 winograd4 winners; avx512 winograd4 winners winners; avx512_bf16 winograd4 winners winners; amx winograd4 winners winners
3x3x128 f128 k3x3 p1: inside inside inside
32x32x3 f16 k3x3 p1 first: direct none direct
32x32x16 f16 k3x3 p1: winograd4 winograd4 winograd4
32x32x16 f32 k3x3 s2 p0,1,0,1: direct direct direct
32x32x16 f32 k1x1 s2: direct direct direct
16x16x32 f32 k3x3 p1: winograd4 winograd4 winograd4
8x8x64 f64 k3x3 p1: winograd4 winograd4 winograd4
49x10x1 f64 k10x4 s2 p4,5,1,1 first: direct none direct
25x5x64 f64 k3x3 g64 p1: depthwise depthwise depthwise
25x5x64 f64 k1x1: direct direct direct
96x96x3 f8 k3x3 s2 p0,1,0,1 first: direct none direct
48x48x8 f8 k3x3 g8 p1: depthwise depthwise depthwise
48x48x8 f16 k1x1: direct direct direct
48x48x16 f16 k3x3 s2 g16 p0,1,0,1: depthwise depthwise depthwise
24x24x32 f32 k1x1: direct direct direct
12x12x64 f128 k1x1 relu: direct direct direct
6x6x128 f128 k3x3 g128 p1: depthwise depthwise depthwise
3x3x256 f256 k1x1: direct direct direct
9x9x8 f12 k3x3 g4: direct direct direct
9x9x8 f16 k3x3 g8 p1: depthwise depthwise depthwise
14x14x24 f24 k5x5 g24 s2 p2: depthwise depthwise depthwise
15x11x7 f5 k2x3 s2x1 p1,0,2,1: direct direct direct
17x17x16 f16 k3x3 d2 p2: direct direct direct
13x13x16 f8 k3x3 d2 pool: direct direct direct
11x11x3 f17 k4x4 s3: direct direct direct
7x7x48 f48 k3x3: winograd winograd4 winograd
5x5x32 f32 k3x3 p1: winograd winograd winograd
3x3x16 f16 k3x3 p1: inside inside inside
1x1x64 f10 k1x1: direct direct direct
9x9x2 f24 k3x3 relu pool: direct winners winners; avx512 direct planes direct; avx512_bf16 direct planes direct; amx direct planes direct
21x21x4 f8 k3x3 p1: direct planes direct; scalar winograd winograd winograd; neon winograd winograd winograd
21x21x4 f8 k3x3 relu pool first: direct none winners; scalar winograd none winners; neon winograd none winners
12x12x3 f40 k5x5 pool: direct winners winners
10x10x1 f4 k3x3 s1x1 d2: direct planes direct; avx2 rows planes rows
10x10x1 f2 k3x3 pool first: direct none patch
30x30x1 f4 k5x5 s2x1: rows direct rows; scalar direct direct direct; neon direct direct direct
56x56x64 f64 k1x1 infer: direct none none
25x5x64 f64 k1x1 relu infer skips: pointwise none none
6x6x128 f128 k1x1 s2 infer skips: pointwise none none
12x12x24 f96 k1x1 infer skips: direct none none
16x16x32 f32 k3x3 p1 relu infer skips: winograd4 none none
8x8x256 f256 k3x3 p1 infer skips: winograd none none
32x32x16 f32 k3x3 s2 p0,1,0,1 relu infer skips: winograd_strided none none
12x12x32 f64 k1x1 relu skips: pointwise direct pointwise
6x6x70 f128 k1x1 s2 skips: pointwise direct pointwise
13x13x32 f64 k3x3 relu pool bfloat16: winograd winners winners; scalar tiles tiles tiles; avx512_bf16 tiles winners winners; amx tiles tiles tiles
13x13x32 f64 k3x3 relu pool bfloat16_3x: winograd winners winners; scalar tiles tiles tiles; amx tiles tiles tiles
16x16x32 f32 k3x3 p1 relu bfloat16: tiles tiles tiles; neon winograd winograd winograd; avx2 winograd winograd winograd; avx512 winograd winograd winograd
16x16x32 f32 k3x3 p1 relu bfloat16_3x: winograd winograd winograd; scalar tiles tiles tiles; amx tiles tiles tiles
14x14x64 f64 k1x1 bfloat16: tiles tiles tiles; neon direct direct direct; avx2 direct direct direct; avx512 direct direct direct
14x14x64 f96 k3x3 s2 p1 bfloat16: tiles tiles tiles; neon direct direct direct; avx2 direct direct direct; avx512 direct direct direct
14x14x64 f96 k3x3 s2 p1 bfloat16_3x: direct direct direct; scalar tiles tiles tiles; amx tiles tiles tiles
9x9x32 f32 k5x5 p2 first bfloat16: tiles none tiles; neon direct none direct; avx2 direct none direct; avx512 direct none direct
9x9x24 f40 k3x3 p1 relu bfloat16: winograd winograd winograd; avx512 direct direct direct; avx512_bf16 direct direct direct; amx direct direct direct
28x28x1 f32 k3x3 relu pool first bfloat16: direct none patch
8x8x64 f64 k3x3 p1 infer bfloat16: tiles none none; neon winograd none none; avx2 winograd none none; avx512 winograd none none
)";

std::string choice(const Conv2dCase& c, const Kernels& machine) {
  const Conv2dAlgorithms names = Conv2dPlan(c.params, c.fusion, machine).algorithms();
  return std::string(names.forward) + " " + names.data + " " + names.weights;
}

// Makes the line of the table for a convolution; the choice of most machines comes first.
std::string line_of(const std::string& text) {
  const std::vector<Kernels> machines = planning_machines();
  std::vector<std::string> choices;
  std::map<std::string, int> count;
  for (const Kernels& machine : machines) {
    choices.push_back(choice(parse_conv2d_case(text), machine));
    ++count[choices.back()];
  }
  std::string common = choices.front();
  for (const std::string& one : choices)
    if (count[one] > count[common]) common = one;
  std::string line = text + ": " + common;
  for (size_t i = 0; i < machines.size(); ++i)
    if (choices[i] != common) line += "; " + std::string(machines[i].name) + " " + choices[i];
  return line;
}

}  // namespace

TEST_CASE("conv2d: every pass takes the algorithm of the table") {
  std::istringstream table(kChoices);
  std::string line;
  std::getline(table, line);  // skip the rest of the line with the opening bracket
  for (const std::string& text : conv2d_case_texts()) {
    std::getline(table, line);
    CHECK(line_of(text) == line);
  }
  CHECK_FALSE(std::getline(table, line));
}

TEST_CASE("conv2d: images that are taken together fit 32-bit offsets") {
  // sixteen images with one output pixel each would be computed together if they were not so large
  const Conv2dCase c = parse_conv2d_case("12000x12000x1 f1 k1x1 s12000 infer");
  for (const Kernels& machine : planning_machines()) {
    const Conv2dPlan plan(c.params, c.fusion, machine);
    CHECK(plan.images() > 1);
    CHECK(plan.images() * plan.input_size() <= std::numeric_limits<int32_t>::max());
  }
}

TEST_CASE("conv2d: a large kernel is packed and its gradient summed in tasks enough for many cores") {
  const std::vector<Kernels> machines = planning_machines();  // the plans refer to these objects
  for (const char* text : {"14x14x512 f512 k1x1 s2", "14x14x256 f256 k3x3"}) {
    const Conv2dCase c = parse_conv2d_case(text);
    const Conv2dPlan plan(c.params, c.fusion, machines[2]);
    CAPTURE(plan.algorithm());
    CHECK(plan.pack_tasks() >= 8);
    CHECK(plan.reduce_tasks() >= 48);
    const int64_t size = c.params.kernel_height * c.params.kernel_width * c.params.in_channels * c.params.filters;
    std::vector<float> partial(static_cast<size_t>(plan.partial_size())), dkernel(static_cast<size_t>(size));
    std::vector<int> written(dkernel.size());
    for (int64_t task = 0; task < plan.reduce_tasks(); ++task) {
      const Conv2dPlan::Range range = plan.reduce(task, {partial.data(), 1, 0}, dkernel.data());
      for (int64_t piece = 0; piece < range.pieces; ++piece)
        for (int64_t i = 0; i < range.size; ++i) ++written[static_cast<size_t>(range.begin + piece * range.step + i)];
    }
    CHECK(std::count(written.begin(), written.end(), 1) == size);  // each element was written once
  }
}
