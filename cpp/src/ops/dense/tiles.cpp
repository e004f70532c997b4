#include "ops/dense/tiles.h"

#include <algorithm>

#include "runtime/buffer.h"

namespace cnncore {
namespace {

constexpr int64_t kTasks = 8;            // of a kernel: each of them packs dy for itself
constexpr int64_t kChunkColumns = 128;   // of sums that wait for their epilogue
constexpr int64_t kSamplesPerSum = 256;  // of the batch, in the gradient of the kernel

int64_t whole_tiles(int64_t size) { return (size + kTileRows - 1) / kTileRows * kTileRows; }

// One step's terms of so many rows of samples.
void clear_terms(uint16_t* a, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) std::fill_n(a + r * kSamplesPerSum, kTileTerms, uint16_t{0});
}

}  // namespace

TiledDense::TiledDense(const DenseParams& params, int64_t samples, bool input_grad, const Kernels& kernels)
    : params_(params),
      samples_(samples),
      task_rows_(whole_tiles((params.features + kTasks - 1) / kTasks)),
      input_grad_(input_grad),
      k_(kernels) {
  const int64_t terms = terms_of(params.precision), size = params.features * params.units;
  turned_at_ = floats_for(terms * size);
  transposed_at_ = input_grad ? 2 * turned_at_ : turned_at_;
  packed_size_ = transposed_at_ + (input_grad ? size : 0);
  const int64_t rows = whole_tiles(samples);
  forward_ = plan_steps(params.features, rows * params.features);
  data_ = plan_steps(params.units, rows * params.units);
  weights_ = plan_steps(kSamplesPerSum, task_rows_ * kSamplesPerSum);
  for (int64_t n = 0; n < samples; ++n) {
    c_offset_.push_back(static_cast<int32_t>(n * kChunkColumns));
    x_offset_.push_back(static_cast<int32_t>(n * params.features));
    y_offset_.push_back(static_cast<int32_t>(n * params.units));
  }
  scratch_size_ = std::max(floats_for(terms * rows * std::max(params.features, params.units)) + rows * kChunkColumns,
                           floats_for(terms * (task_rows_ + params.units) * kSamplesPerSum));
}

// Steps over `terms_count` terms whose lower halves lie low_a behind in a, and behind all tiles of the step in b.
TiledDense::Steps TiledDense::plan_steps(int64_t terms_count, int64_t low_a) const {
  Steps steps;
  const int64_t count = terms_count / kTileTerms;
  for (int64_t s = 0; s < count; ++s)
    for (int64_t i = 0; i < products_of(params_.precision); ++i) {
      steps.a.push_back(static_cast<int32_t>(s * kTileTerms + (i == 2 ? low_a : 0)));
      steps.b.push_back(static_cast<int32_t>((s + (i == 1 ? count : 0)) * kTileSize));
    }
  return steps;
}

int64_t TiledDense::task_rows(int64_t task) const { return std::min(task_rows_, params_.features - task_begin(task)); }

// Tiles of a block of 16 columns lie together: the steps' high halves, then their low ones.
void TiledDense::pack(int64_t task, const float* kernel, float* packed) const {
  const int64_t begin = task_begin(task), rows = task_rows(task), units = params_.units;
  const int64_t terms = terms_of(params_.precision);
  auto* tiles = reinterpret_cast<uint16_t*>(packed);
  const int64_t steps = params_.features / kTileTerms;
  for (int64_t k = begin; k < begin + rows; k += kTileTerms) {
    uint16_t* high = tiles + k / kTileTerms * kTileSize;
    k_.pack_tiles({kernel + k * units, units, kTileTerms, units, high, terms == 2 ? high + steps * kTileSize : nullptr,
                   terms * steps * kTileSize});
  }
  if (!input_grad_) return;
  float* transposed = packed + transposed_at_ + begin * units;  // units x rows
  k_.transpose(kernel + begin * units, units, transposed, rows, rows, units);
  const int64_t turned_steps = units / kTileTerms, block = terms * turned_steps * kTileSize;
  auto* turned = reinterpret_cast<uint16_t*>(packed + turned_at_) + begin / kTileColumns * block;
  for (int64_t s = 0; s < turned_steps; ++s) {
    uint16_t* high = turned + s * kTileSize;
    k_.pack_tiles({transposed + s * kTileTerms * rows, rows, kTileTerms, rows, high,
                   terms == 2 ? high + turned_steps * kTileSize : nullptr, block});
  }
}

void TiledDense::multiply(const Product& p, float* scratch) const {
  const int64_t terms = terms_of(params_.precision), rows = whole_tiles(samples_);
  auto* a = reinterpret_cast<uint16_t*>(scratch);
  float* c = scratch + floats_for(terms * rows * p.depth);
  k_.to_bfloat16(p.x, a, terms == 2 ? a + rows * p.depth : nullptr, p.count * p.depth);
  const int64_t block = terms * p.depth / kTileTerms * kTileSize;
  for (int64_t n = p.begin; n < p.end; n += kChunkColumns) {
    const int64_t columns = std::min(kChunkColumns, p.end - n);
    k_.tile_product({a, p.depth, p.steps.a.data(),
                     reinterpret_cast<const uint16_t*>(p.tiles) + n / kTileColumns * block, block, p.steps.b.data(),
                     p.count, columns, static_cast<int64_t>(p.steps.a.size()), c, kChunkColumns, false});
    k_.tile_store({c, c_offset_.data(), p.count, columns, p.bias ? p.bias + n : nullptr, p.y + n,
                   p.columns == params_.units ? y_offset_.data() : x_offset_.data(), p.relu});
  }
}

void TiledDense::forward(int64_t count, int64_t begin, int64_t end, const float* x, const float* packed,
                         const float* bias, float* y, bool relu, float* scratch) const {
  multiply({x, count, params_.features, forward_, packed, begin, end, params_.units, bias, y, relu}, scratch);
}

void TiledDense::backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const {
  multiply(
      {dy, count, params_.units, data_, packed + turned_at_, 0, params_.features, params_.features, nullptr, dx, false},
      scratch);
}

// x transposed against dy, in pieces of the batch.
void TiledDense::weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel,
                         float* scratch) const {
  const int64_t begin = task_begin(task), rows = task_rows(task), units = params_.units;
  const int64_t terms = terms_of(params_.precision);
  const bool two = terms == 2;
  auto* a = reinterpret_cast<uint16_t*>(scratch);
  uint16_t* tiles = a + terms * task_rows_ * kSamplesPerSum;
  constexpr int64_t kSteps = kSamplesPerSum / kTileTerms;
  std::fill_n(dkernel + begin * units, rows * units, 0.0f);
  for (int64_t first = 0; first < batch; first += kSamplesPerSum) {
    const int64_t count = std::min(kSamplesPerSum, batch - first);
    for (int64_t n = 0; n < count; n += kTileTerms) {
      const int64_t samples = std::min(kTileTerms, count - n);
      // missing samples are zeros: they meet zeros in the tiles, and must not be NaN
      if (samples < kTileTerms) clear_terms(a + n, terms * task_rows_);
      k_.transpose_bfloat16(x + (first + n) * params_.features + begin, params_.features, a + n,
                            two ? a + task_rows_ * kSamplesPerSum + n : nullptr, kSamplesPerSum, samples, rows);
      uint16_t* high = tiles + n / kTileTerms * kTileSize;
      k_.pack_tiles({dy + (first + n) * units, units, samples, units, high, two ? high + kSteps * kTileSize : nullptr,
                     terms * kSteps * kTileSize});
    }
    const int64_t steps = (count + kTileTerms - 1) / kTileTerms * products_of(params_.precision);
    k_.tile_product({a, kSamplesPerSum, weights_.a.data(), tiles, terms * kSteps * kTileSize, weights_.b.data(), rows,
                     units, steps, dkernel + begin * units, units, true});
  }
}

}  // namespace cnncore
