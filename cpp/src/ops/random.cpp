#include <algorithm>
#include <limits>

#include "cnncore/random.h"
#include "ops/random_rows.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;

// The last step of splitmix64 (Steele et al., 2014), the same as in the kernels.
uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// The key of a sample, from which the draws of its elements are made.
uint64_t key_of(uint64_t seed, uint64_t step, int64_t sample) {
  return mixed(mixed(seed + kGolden * (step + 1)) + kGolden * static_cast<uint64_t>(sample + 1));
}

}  // namespace

DropoutPlan::DropoutPlan(float rate, uint64_t seed, const Shape& sample, const Shape& noise)
    : seed_(seed),
      threshold_(rate < 1.0f ? static_cast<uint32_t>(rate * 4294967296.0) : 0),
      scale_(rate < 1.0f ? 1.0f / (1.0f - rate) : 0.0f),
      shapes_("[dropout] ", {sample, noise}) {
  check(rate >= 0.0f && rate <= 1.0f, "[dropout] expected a rate in [0, 1]. Received: ", rate);
  check(noise.size() == sample.size() && shapes_.output_shape() == sample,
        "[dropout] expected a noise shape with the sample's sizes, or 1. Received: x ", sample, ", noise shape ",
        noise);
}

void DropoutPlan::run(const Kernels& k, uint64_t step_of_training, int64_t first, int64_t count, const float* x,
                      float* y) const {
  const int64_t size = shapes_.output_size();
  if (scale_ == 0.0f) {  // a rate of 1 drops all, even infinities, which a product with 0 would not
    std::fill_n(y, count * size, 0.0f);
    return;
  }
  if (!shapes_.repeats(1)) {
    for (int64_t n = 0; n < count; ++n)
      k.dropout({key_of(seed_, step_of_training, first + n), 0, size, threshold_, scale_}, x + n * size, y + n * size);
    return;
  }
  float mask[Broadcast::kBlock];
  shapes_.for_blocks(count, [&](const Broadcast::Block& b) {
    const int64_t begin = shapes_.offset(1, {0, b.outer, b.row, b.col, b.rows, b.cols});
    // The factors of the block: those of one row if all rows have the same ones, otherwise those of all rows.
    const int64_t row = shapes_.row(1), step = shapes_.step(1), draws = step ? b.cols : 1, rows = row ? b.rows : 1;
    const uint64_t key = key_of(seed_, step_of_training, first + b.sample);
    for (int64_t r = 0; r < rows; ++r)
      k.dropout_mask({key, begin + r * row, draws, threshold_, scale_}, mask + r * draws);
    k.merge(MergeOp::multiply, {shapes_.operand(0, b, x),
                                {mask, row ? draws : 0, step},
                                b.rows,
                                b.cols,
                                y + shapes_.output_offset(b),
                                shapes_.cols()});
  });
}

void gaussian_noise_rows(const Kernels& k, const GaussianNoiseParams& p, int64_t first, int64_t count, const float* x,
                         float* y) {
  for (int64_t n = 0; n < count; ++n)
    k.gaussian_noise({key_of(p.seed, p.step, first + n), p.size, p.stddev}, x + n * p.size, y + n * p.size);
}

void dropout(const DropoutParams& p, int64_t batch, const float* x, float* y) {
  const DropoutPlan plan(p.rate, p.seed, p.sample, p.noise);
  const int64_t size = element_count(p.sample);
  parallel_for(batch, 8 * batch * size,
               [&](int64_t n, int) { plan.run(kernels(), p.step, n, 1, x + n * size, y + n * size); });
}

void gaussian_noise(const GaussianNoiseParams& p, int64_t batch, const float* x, float* y) {
  check(p.stddev >= 0.0f && p.stddev <= std::numeric_limits<float>::max(),
        "[gaussian_noise] expected a stddev that is finite and not negative. Received: ", p.stddev);
  check(p.size >= 0, "[gaussian_noise] expected a size of 0 or more. Received: ", p.size);
  parallel_for(batch, 32 * batch * p.size,
               [&](int64_t n, int) { gaussian_noise_rows(kernels(), p, n, 1, x + n * p.size, y + n * p.size); });
}

}  // namespace cnncore
