// A fully connected layer as products of bfloat16 tiles (TileProductArgs in kernels/contracts.h).
#include <algorithm>
#include <vector>

#include "ops/dense/algorithm.h"
#include "ops/tile_units.h"
#include "runtime/scratch.h"

namespace cnncore {
namespace {

using Offsets = std::vector<int32_t>;

constexpr int64_t kTasks = 8;            // the gradient of the kernel has few tasks, because each of them packs dy
constexpr int64_t kChunkColumns = 128;   // the columns that are summed before bias and relu are applied to them
constexpr int64_t kSamplesPerSum = 256;  // the samples that the gradient of the kernel takes at a time

int64_t whole_tiles(int64_t size) { return (size + kTileRows - 1) / kTileRows * kTileRows; }

// Sets the terms of one step to zero, in the given number of rows.
void clear_terms(uint16_t* a, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) std::fill_n(a + r * kSamplesPerSum, kTileTerms, uint16_t{0});
}

// Products of tiles apply if features and units fill whole tiles.
double tiles_speed(const DenseProblem& p, const Kernels& k) {
  return p.params.features % kTileRows == 0 && p.params.units % kTileRows == 0 ? tile_speed(k, p.params.precision)
                                                                               : 0.0;
}

class TilesDense : public DenseAlgorithm {
 public:
  TilesDense(const DenseProblem& problem, const Kernels& kernels);

  int64_t scratch_size() const override { return layout_.size(); }
  int64_t packed_size() const override { return packed_size_; }
  int64_t tasks() const override { return (params_.features + task_rows_ - 1) / task_rows_; }
  void pack(int64_t task, const float* kernel, float* packed) const override;

  void forward(int64_t count, const DenseRun& run) const override { forward_columns(count, 0, params_.units, run); }
  void forward_part(int64_t part, int64_t parts, const DenseRun& run, float* common) const override;
  void join_parts(const DenseRun&, const float*) const override {}

  void backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const override;
  DenseRange weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel,
                     float* scratch) const override;

 private:
  struct Steps {
    Offsets a, b;
  };
  struct Product {
    const float* x;
    int64_t count, depth;
    const Steps& steps;
    const float* tiles;
    int64_t begin, end, columns;  // computes columns [begin, end) of y, which has `columns` columns
    const float* bias;
    float* y;
    bool relu;
  };
  Steps plan_steps(int64_t depth, int64_t low_a) const;
  void multiply(const Product& product, float* scratch) const;
  // Computes columns [begin, end) of y. Both are multiples of 32.
  void forward_columns(int64_t count, int64_t begin, int64_t end, const DenseRun& run) const;
  int64_t task_begin(int64_t task) const { return task * task_rows_; }
  int64_t task_rows(int64_t task) const { return std::min(task_rows_, params_.features - task_begin(task)); }

  DenseParams params_;
  int64_t samples_, task_rows_;
  bool input_grad_, relu_;
  const Kernels& k_;
  int64_t turned_at_ = 0, transposed_at_ = 0, packed_size_ = 0;
  Steps forward_, data_, weights_;
  Offsets c_offset_, x_offset_, y_offset_;  // where each sample begins in a chunk of sums, in x, and in y
  ScratchLayout layout_;
  ScratchArray<uint16_t> operand_;  // x or dy as bfloat16
  ScratchArray<float> sums_;
  ScratchArray<uint16_t> turned_x_, dy_tiles_;  // x transposed and dy in tiles, for the gradient of the kernel
};

TilesDense::TilesDense(const DenseProblem& problem, const Kernels& kernels)
    : params_(problem.params),
      samples_(problem.samples),
      task_rows_(whole_tiles((params_.features + kTasks - 1) / kTasks)),
      input_grad_(problem.fusion.input_grad),
      relu_(problem.relu()),
      k_(kernels) {
  const DenseParams& params = params_;
  const int64_t terms = terms_of(params.precision), size = params.features * params.units;
  turned_at_ = floats_for(terms * size);
  transposed_at_ = input_grad_ ? 2 * turned_at_ : turned_at_;
  packed_size_ = transposed_at_ + (input_grad_ ? size : 0);
  const int64_t rows = whole_tiles(samples_);
  forward_ = plan_steps(params.features, rows * params.features);
  data_ = plan_steps(params.units, rows * params.units);
  weights_ = plan_steps(kSamplesPerSum, task_rows_ * kSamplesPerSum);
  for (int64_t n = 0; n < samples_; ++n) {
    c_offset_.push_back(static_cast<int32_t>(n * kChunkColumns));
    x_offset_.push_back(static_cast<int32_t>(n * params.features));
    y_offset_.push_back(static_cast<int32_t>(n * params.units));
  }
  operand_ = layout_.take<uint16_t>(terms * rows * std::max(params.features, params.units));
  sums_ = layout_.take<float>(rows * kChunkColumns);
  turned_x_ = layout_.take<uint16_t>(terms * task_rows_ * kSamplesPerSum);
  dy_tiles_ = layout_.take<uint16_t>(terms * params.units * kSamplesPerSum);
}

// The steps of a product over `depth` terms. In bfloat16_3x the low parts of a are low_a values after the high ones,
// and those of b come after the high parts of all steps.
TilesDense::Steps TilesDense::plan_steps(int64_t depth, int64_t low_a) const {
  Steps steps;
  const int64_t count = depth / kTileTerms;
  for (int64_t s = 0; s < count; ++s)
    for (int64_t i = 0; i < products_of(params_.precision); ++i) {
      steps.a.push_back(static_cast<int32_t>(s * kTileTerms + (i == 2 ? low_a : 0)));
      steps.b.push_back(static_cast<int32_t>((s + (i == 1 ? count : 0)) * kTileSize));
    }
  return steps;
}

// The tiles of each block of 16 columns are together: first the high parts of all steps, then the low ones.
void TilesDense::pack(int64_t task, const float* kernel, float* packed) const {
  const int64_t begin = task_begin(task), rows = task_rows(task), units = params_.units;
  const int64_t terms = terms_of(params_.precision);
  uint16_t* tiles = halves(packed);
  const int64_t steps = params_.features / kTileTerms;
  for (int64_t k = begin; k < begin + rows; k += kTileTerms) {
    uint16_t* high = tiles + k / kTileTerms * kTileSize;
    k_.pack_tiles({.src = kernel + k * units,
                   .ld = units,
                   .rows = kTileTerms,
                   .cols = units,
                   .high = high,
                   .low = terms == 2 ? high + steps * kTileSize : nullptr,
                   .block = terms * steps * kTileSize});
  }
  if (!input_grad_) return;
  float* transposed = packed + transposed_at_ + begin * units;  // shape (units, rows)
  k_.transpose(kernel + begin * units, units, transposed, rows, rows, units);
  const int64_t turned_steps = units / kTileTerms, block = terms * turned_steps * kTileSize;
  uint16_t* turned = halves(packed + turned_at_) + begin / kTileColumns * block;
  for (int64_t s = 0; s < turned_steps; ++s) {
    uint16_t* high = turned + s * kTileSize;
    k_.pack_tiles({.src = transposed + s * kTileTerms * rows,
                   .ld = rows,
                   .rows = kTileTerms,
                   .cols = rows,
                   .high = high,
                   .low = terms == 2 ? high + turned_steps * kTileSize : nullptr,
                   .block = block});
  }
}

void TilesDense::multiply(const Product& p, float* scratch) const {
  const int64_t terms = terms_of(params_.precision), rows = whole_tiles(samples_);
  uint16_t* a = operand_.in(scratch);
  float* sums = sums_.in(scratch);
  k_.to_bfloat16(p.x, a, terms == 2 ? a + rows * p.depth : nullptr, p.count * p.depth);
  const int64_t block = terms * p.depth / kTileTerms * kTileSize;
  for (int64_t n = p.begin; n < p.end; n += kChunkColumns) {
    const int64_t columns = std::min(kChunkColumns, p.end - n);
    k_.tile_product({.a = a,
                     .lda = p.depth,
                     .a_step = p.steps.a.data(),
                     .b = halves(p.tiles) + n / kTileColumns * block,
                     .b_block = block,
                     .b_step = p.steps.b.data(),
                     .rows = p.count,
                     .cols = columns,
                     .steps = static_cast<int64_t>(p.steps.a.size()),
                     .c = sums,
                     .ldc = kChunkColumns,
                     .accumulate = false});
    k_.tile_store({.c = sums,
                   .c_offset = c_offset_.data(),
                   .pixels = p.count,
                   .cols = columns,
                   .bias = p.bias ? p.bias + n : nullptr,
                   .y = p.y + n,
                   .y_offset = p.columns == params_.units ? y_offset_.data() : x_offset_.data(),
                   .relu = p.relu});
  }
}

void TilesDense::forward_columns(int64_t count, int64_t begin, int64_t end, const DenseRun& r) const {
  multiply({.x = r.x,
            .count = count,
            .depth = params_.features,
            .steps = forward_,
            .tiles = r.packed,
            .begin = begin,
            .end = end,
            .columns = params_.units,
            .bias = r.bias,
            .y = r.y,
            .relu = relu_},
           r.scratch);
}

// Threads that work on a single sample share the columns.
void TilesDense::forward_part(int64_t part, int64_t parts, const DenseRun& r, float*) const {
  const int64_t blocks = tiles_for(params_.units);
  const int64_t begin = part * blocks / parts * kTileRows, end = (part + 1) * blocks / parts * kTileRows;
  if (begin < end) forward_columns(1, begin, std::min(end, params_.units), r);
}

void TilesDense::backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const {
  multiply({.x = dy,
            .count = count,
            .depth = params_.units,
            .steps = data_,
            .tiles = packed + turned_at_,
            .begin = 0,
            .end = params_.features,
            .columns = params_.features,
            .bias = nullptr,
            .y = dx,
            .relu = false},
           scratch);
}

// The product of x transposed and dy, for a few samples of the batch at a time.
DenseRange TilesDense::weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel,
                               float* scratch) const {
  const int64_t begin = task_begin(task), rows = task_rows(task), units = params_.units;
  const int64_t terms = terms_of(params_.precision);
  const bool two = terms == 2;
  uint16_t* a = turned_x_.in(scratch);
  uint16_t* tiles = dy_tiles_.in(scratch);
  constexpr int64_t kSteps = kSamplesPerSum / kTileTerms;
  if (batch == 0) std::fill_n(dkernel + begin * units, rows * units, 0.0f);
  for (int64_t first = 0; first < batch; first += kSamplesPerSum) {
    const int64_t count = std::min(kSamplesPerSum, batch - first);
    for (int64_t n = 0; n < count; n += kTileTerms) {
      const int64_t samples = std::min(kTileTerms, count - n);
      // Samples that are missing are multiplied by zeros in the tiles. They must be set too, because NaN times zero is
      // NaN.
      if (samples < kTileTerms) clear_terms(a + n, terms * task_rows_);
      k_.transpose_bfloat16(x + (first + n) * params_.features + begin, params_.features, a + n,
                            two ? a + task_rows_ * kSamplesPerSum + n : nullptr, kSamplesPerSum, samples, rows);
      uint16_t* high = tiles + n / kTileTerms * kTileSize;
      k_.pack_tiles({.src = dy + (first + n) * units,
                     .ld = units,
                     .rows = samples,
                     .cols = units,
                     .high = high,
                     .low = two ? high + kSteps * kTileSize : nullptr,
                     .block = terms * kSteps * kTileSize});
    }
    k_.tile_product({.a = a,
                     .lda = kSamplesPerSum,
                     .a_step = weights_.a.data(),
                     .b = tiles,
                     .b_block = terms * kSteps * kTileSize,
                     .b_step = weights_.b.data(),
                     .rows = rows,
                     .cols = units,
                     .steps = tiles_for(count) * products_of(params_.precision),
                     .c = dkernel + begin * units,
                     .ldc = units,
                     .accumulate = first > 0});
  }
  return {begin * units, rows * units};
}

}  // namespace

const DenseCandidate kTilesDense = {
    .name = "tiles", .speed = tiles_speed, .make = [](const DenseProblem& problem, const Kernels& kernels) {
      return std::unique_ptr<DenseAlgorithm>(std::make_unique<TilesDense>(problem, kernels));
    }};

}  // namespace cnncore
