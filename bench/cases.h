// A benchmark case: the forward or backward pass of an op on one shape, with its data, its cost, and a check of its
// result.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cnncore/precision.h"
#include "reference.h"
#include "runtime/buffer.h"

namespace cnncore::bench {

struct Case {
  std::function<void()> call;
  std::function<std::string()> check;  // after the calls: an empty text, or what is wrong
  double flops;                        // of a call; 0 if their number means nothing
  double bytes;                        // of a call that reads every input once and writes every output once
  Precision precision = Precision::float32;
};

/// The data are made when the case runs, and freed after it.
struct NamedCase {
  std::string name;  // "conv2d/forward/13x13x32->64 3x3"
  std::function<Case()> make;
};

std::vector<NamedCase> conv2d_cases();
std::vector<NamedCase> layer_cases();   // pooling and dense
std::vector<NamedCase> pixel_cases();   // normalization, merges, upsampling, dropout
std::vector<NamedCase> vector_cases();  // activations, losses, optimizers

constexpr int64_t kBatch = 64;

/// Arrays that the closures of a case share.
struct Arrays {
  std::vector<Buffer<float>> all;
  float* operator[](size_t i) const { return all[i].data(); }
  int64_t size(size_t i) const { return all[i].size(); }
};

/// Arrays of these sizes, uniform in [-1, 1) from a fixed seed.
inline std::shared_ptr<Arrays> random_arrays(std::initializer_list<int64_t> sizes) {
  auto arrays = std::make_shared<Arrays>();
  std::minstd_rand random(1);
  for (const int64_t size : sizes) {
    Buffer<float> a(size);
    for (int64_t i = 0; i < size; ++i) a.data()[i] = static_cast<float>(random()) / static_cast<float>(1 << 30) - 1.0f;
    arrays->all.push_back(std::move(a));
  }
  return arrays;
}

/// Operands are rounded to values of lower precision. This is half the relative distance between two such neighbours.
inline double rounding_unit(Precision precision) {
  return precision == Precision::bfloat16 ? 0x1p-8 : precision == Precision::bfloat16_3x ? 0x1p-16 : 0.0;
}

/// Compares about 500 elements, spread over the whole array, with the definition of the op.
template <class Reference>
std::string check_elements(const char* what, const float* values, int64_t size, Reference reference,
                           Precision precision = Precision::float32) {
  const int64_t stride = size / 500 | 1;
  for (int64_t i = 0; i < size; i += stride) {
    const Sum expected = reference(i);
    if (!(std::abs(values[i] - expected.value) <= expected.tolerance(rounding_unit(precision))))
      return std::string(what) + "[" + std::to_string(i) + "]: expected " + std::to_string(expected.value) +
             ". Received: " + std::to_string(values[i]);
  }
  return "";
}

inline double bytes_of(std::initializer_list<int64_t> sizes) {
  double total = 0.0;
  for (const int64_t size : sizes) total += 4.0 * static_cast<double>(size);
  return total;
}

}  // namespace cnncore::bench
