// Shared by the tests that choose algorithms: convolutions described by a text, a list of them, and machines.
#pragma once

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "ops/conv2d/plan.h"

namespace testing {

struct Conv2dCase {
  cnncore::Conv2dParams params;
  cnncore::Conv2dFusion fusion;
};

/// Reads `count` numbers that are separated by `separator`; a single number stands for all of them.
inline std::vector<int64_t> numbers(const std::string& text, char separator, size_t count) {
  std::vector<int64_t> values;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) values.push_back(std::stoll(part));
  if (values.size() == 1) values.assign(count, values.front());
  REQUIRE(values.size() == count);
  return values;
}

/// Reads a convolution from a text such as "13x13x32 f64 k3x3": the image, the number of filters, the kernel. More
/// words may follow: "s2x1" strides, "d2x2" dilation, "g4" groups, "p1" or "p0,1,0,1" padding (top, bottom, left,
/// right); "relu" and "pool" if these are fused with it; "first" if the gradient of the input is not needed, "infer" if
/// no gradient is; "skips" if it is part of a network, so that products with zero may be left out; and the name of a
/// precision.
inline Conv2dCase parse_conv2d_case(const std::string& text) {
  Conv2dCase c;
  cnncore::Conv2dParams& p = c.params;
  std::istringstream words(text);
  std::string word;
  words >> word;
  const std::vector<int64_t> image = numbers(word, 'x', 3);
  p.in_height = image[0], p.in_width = image[1], p.in_channels = image[2];
  while (words >> word) {
    const std::string rest = word.substr(1);
    if (word == "relu") {
      c.fusion.activation = cnncore::Activation::relu;
    } else if (word == "pool") {
      c.fusion.max_pool = true;
    } else if (word == "first") {
      c.fusion.input_grad = false;
    } else if (word == "infer") {
      c.fusion.training = false;
    } else if (word == "skips") {
      c.fusion.in_network = true;
    } else if (word[0] == 'b') {
      p.precision = cnncore::parse_precision(word);
    } else if (word[0] == 'f' || word[0] == 'g') {
      (word[0] == 'f' ? p.filters : p.groups) = std::stoll(rest);
    } else if (word[0] == 'p') {
      const std::vector<int64_t> pad = numbers(rest, ',', 4);
      p.padding = {pad[0], pad[1], pad[2], pad[3]};
    } else {
      const std::vector<int64_t> pair = numbers(rest, 'x', 2);
      REQUIRE((word[0] == 'k' || word[0] == 's' || word[0] == 'd'));
      (word[0] == 'k' ? p.kernel_height : word[0] == 's' ? p.stride_height : p.dilation_height) = pair[0];
      (word[0] == 'k' ? p.kernel_width : word[0] == 's' ? p.stride_width : p.dilation_width) = pair[1];
    }
  }
  return c;
}

/// The properties of a machine that the choice of algorithms depends on. Planning calls no kernel, so a machine can
/// plan for any other machine.
inline cnncore::Kernels planning_kernels(const char* name, int64_t width, double tile_gain) {
  cnncore::Kernels k = cnncore::kernels_scalar();
  k.name = name, k.width = width, k.tile_gain = tile_gain;
  if (tile_gain == 0.0) k.tile_product = nullptr;
  return k;
}
inline std::vector<cnncore::Kernels> planning_machines() {
  return {planning_kernels("scalar", 4, 16.0),      planning_kernels("neon", 4, 0.0),
          planning_kernels("avx2", 8, 0.0),         planning_kernels("avx512", 16, 0.0),
          planning_kernels("avx512_bf16", 16, 2.0), planning_kernels("amx", 16, 16.0)};
}

/// The list of convolutions. Each algorithm of each pass is chosen for at least one of them on at least one machine.
inline const std::vector<std::string>& conv2d_case_texts() {
  static const std::vector<std::string> texts = {
      // the network of the seed document, and the same convolutions without relu and pool
      "28x28x1 f32 k3x3 relu pool first",
      "28x28x1 f32 k3x3 relu pool infer",
      "28x28x1 f32 k3x3 relu pool",
      "28x28x1 f32 k3x3 relu first",
      "13x13x32 f64 k3x3 relu pool",
      "13x13x32 f64 k3x3 relu pool infer",
      "12x12x32 f64 k3x3 relu",
      // LeNet-5
      "28x28x1 f6 k5x5 p2 relu pool first",
      "28x28x1 f6 k5x5 p2 first",
      "28x28x1 f6 k5x5 p2",
      "14x14x6 f16 k5x5 relu pool",
      "14x14x6 f16 k5x5",
      "5x5x16 f120 k5x5 relu",
      // CIFAR-10
      "32x32x3 f32 k3x3 p1 relu first",
      "32x32x32 f32 k3x3 p1 relu pool",
      "16x16x32 f64 k3x3 p1 relu",
      "16x16x64 f64 k3x3 p1 relu pool",
      "8x8x64 f128 k3x3 p1 relu",
      "8x8x128 f128 k3x3 p1 relu pool",
      "4x4x128 f128 k3x3 p1",
      // the recipe for CIFAR-10
      "31x31x24 f32 k3x3 p1 pool",
      "3x3x128 f128 k3x3 p1",
      // ResNet-8
      "32x32x3 f16 k3x3 p1 first",
      "32x32x16 f16 k3x3 p1",
      "32x32x16 f32 k3x3 s2 p0,1,0,1",
      "32x32x16 f32 k1x1 s2",
      "16x16x32 f32 k3x3 p1",
      "8x8x64 f64 k3x3 p1",
      // DS-CNN
      "49x10x1 f64 k10x4 s2 p4,5,1,1 first",
      "25x5x64 f64 k3x3 g64 p1",
      "25x5x64 f64 k1x1",
      // MobileNet 0.25
      "96x96x3 f8 k3x3 s2 p0,1,0,1 first",
      "48x48x8 f8 k3x3 g8 p1",
      "48x48x8 f16 k1x1",
      "48x48x16 f16 k3x3 s2 g16 p0,1,0,1",
      "24x24x32 f32 k1x1",
      "12x12x64 f128 k1x1 relu",
      "6x6x128 f128 k3x3 g128 p1",
      "3x3x256 f256 k1x1",
      // groups, strides, dilation, odd sizes
      "9x9x8 f12 k3x3 g4",
      "9x9x8 f16 k3x3 g8 p1",
      "14x14x24 f24 k5x5 g24 s2 p2",
      "15x11x7 f5 k2x3 s2x1 p1,0,2,1",
      "17x17x16 f16 k3x3 d2 p2",
      "13x13x16 f8 k3x3 d2 pool",
      "11x11x3 f17 k4x4 s3",
      "7x7x48 f48 k3x3",
      "5x5x32 f32 k3x3 p1",
      "3x3x16 f16 k3x3 p1",
      "1x1x64 f10 k1x1",
      "9x9x2 f24 k3x3 relu pool",
      "21x21x4 f8 k3x3 p1",
      "21x21x4 f8 k3x3 relu pool first",
      "12x12x3 f40 k5x5 pool",
      "10x10x1 f4 k3x3 s1x1 d2",
      "10x10x1 f2 k3x3 pool first",
      "30x30x1 f4 k5x5 s2x1",
      "56x56x64 f64 k1x1 infer",
      "25x5x64 f64 k1x1 relu infer skips",
      "6x6x128 f128 k1x1 s2 infer skips",
      "12x12x24 f96 k1x1 infer skips",
      "16x16x32 f32 k3x3 p1 relu infer skips",
      "8x8x256 f256 k3x3 p1 infer skips",
      "32x32x16 f32 k3x3 s2 p0,1,0,1 relu infer skips",
      "12x12x32 f64 k1x1 relu skips",
      "6x6x70 f128 k1x1 s2 skips",
      // reduced precision
      "13x13x32 f64 k3x3 relu pool bfloat16",
      "13x13x32 f64 k3x3 relu pool bfloat16_3x",
      "16x16x32 f32 k3x3 p1 relu bfloat16",
      "16x16x32 f32 k3x3 p1 relu bfloat16_3x",
      "14x14x64 f64 k1x1 bfloat16",
      "14x14x64 f96 k3x3 s2 p1 bfloat16",
      "14x14x64 f96 k3x3 s2 p1 bfloat16_3x",
      "9x9x32 f32 k5x5 p2 first bfloat16",
      "9x9x24 f40 k3x3 p1 relu bfloat16",
      "28x28x1 f32 k3x3 relu pool first bfloat16",
      "8x8x64 f64 k3x3 p1 infer bfloat16",
  };
  return texts;
}

}  // namespace testing
