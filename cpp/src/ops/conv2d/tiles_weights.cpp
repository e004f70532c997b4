// The gradient of the kernel as products of bfloat16 tiles. For each tap it is x, transposed, times dy, summed over the
// pixels of a few images.
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/tile_planes.h"
#include "ops/conv2d/tiles.h"
#include "ops/conv2d/weights_sum.h"
#include "ops/tile_units.h"

namespace cnncore {
namespace {

// dw[tap][c][f] += sum over images and pixels (i, j) of x[stride * i + tap.y][stride * j + tap.x][c] * dy[i][j][f]
class TilesWeights : public SummedWeights {
 public:
  explicit TilesWeights(Operands& operands);

  int64_t scratch_size() const override { return layout_.size(); }
  void run(int64_t count, const WeightsRun& r) const override;

 private:
  void load_x(int64_t count, const float* x, uint16_t* planes) const;
  void load_dy(int64_t image, int64_t count, const float* dy, uint16_t* tiles, float* rows) const;

  TileShape shape_;
  const Frame& dy_frame_;
  std::vector<TileTap> taps_;
  StridedPlanes planes_;
  int64_t channel_pixels_ = 0;   // values from the beginning of a channel to that of the next
  int64_t steps_per_image_ = 0;  // how many blocks of kTileTerms pixels an image has
  ScratchLayout layout_;
  ScratchArray<uint16_t> x_planes_, dy_tiles_;
  ScratchArray<float> dy_rows_;
  ScratchArray<int32_t> a_step_, b_step_;
};

TilesWeights::TilesWeights(Operands& operands)
    : SummedWeights(operands),
      shape_(tile_shape(problem_)),
      dy_frame_(operands.dy_frame()),
      taps_(forward_taps(problem_.params)),
      planes_(shape_) {
  for (const TileTap& tap : taps_) planes_.meet(tap);
  for (const TileTap& tap : taps_) planes_.hold(tap, dy_frame_.height, dy_frame_.width);
  const int64_t images = operands.backward_images(), terms = terms_of(shape_.precision);
  steps_per_image_ = tiles_for((dy_frame_.height - 1) * planes_.pitch() + dy_frame_.width);
  // The last block may begin at the last tap, and then reads beyond the planes.
  channel_pixels_ = (images * planes_.pixels() + 2 * kTileTerms) / kTileTerms * kTileTerms;
  x_planes_ = layout_.take<uint16_t>(terms * shape_.x.channels * channel_pixels_);
  dy_tiles_ = layout_.take<uint16_t>(terms * shape_.filters / kTileColumns * images * steps_per_image_ * kTileSize);
  dy_rows_ = layout_.take<float>(steps_per_image_ * kTileTerms * shape_.filters);
  a_step_ = layout_.take<int32_t>(3 * images * steps_per_image_);
  b_step_ = layout_.take<int32_t>(3 * images * steps_per_image_);
}

// Writes x channel by channel: the planes of all images, one after the other. Zeros may be written after the end of a
// run; the next run or image replaces them. Places that belong to no image are multiplied by zeros in the tiles, and
// must be set too, because NaN times zero is NaN.
void TilesWeights::load_x(int64_t count, const float* x, uint16_t* planes) const {
  const int64_t channels = shape_.x.channels, low_at = channels * channel_pixels_;
  const bool two = terms_of(shape_.precision) == 2;
  const int64_t covered = planes_.inside(shape_.x) ? count * planes_.pixels() : 0;
  for (int64_t c = 0; c < (two ? 2 : 1) * channels; ++c)
    std::fill(planes + c * channel_pixels_ + covered, planes + (c + 1) * channel_pixels_, uint16_t{0});
  for (int64_t n = 0; n < count; ++n, x += shape_.x.size(), planes += planes_.pixels())
    planes_.for_runs(shape_.x, [&](int64_t y, int64_t from, int64_t to, int64_t pixels) {
      k_.transpose_bfloat16(x + shape_.x.offset(y, from), shape_.stride_width * channels, planes + to,
                            two ? planes + to + low_at : nullptr, channel_pixels_, pixels, channels);
    });
}

// Writes the tiles of the gradient of one image. Its rows are made as long as those of x in its planes.
void TilesWeights::load_dy(int64_t image, int64_t count, const float* dy, uint16_t* tiles, float* rows) const {
  const int64_t filters = shape_.filters, block = count * steps_per_image_ * kTileSize;
  const bool two = terms_of(shape_.precision) == 2;
  if (planes_.pitch() != dy_frame_.width || dy_frame_.has_border()) {
    for (int64_t i = 0; i < dy_frame_.height; ++i) {
      float* row = rows + i * planes_.pitch() * filters;
      std::copy_n(dy + dy_frame_.offset(i, 0), dy_frame_.width * filters, row);
      if (i + 1 < dy_frame_.height)
        std::fill_n(row + dy_frame_.width * filters, (planes_.pitch() - dy_frame_.width) * filters, 0.0f);
    }
    dy = rows;
  }
  const int64_t pixels = (dy_frame_.height - 1) * planes_.pitch() + dy_frame_.width;
  uint16_t* to = tiles + image * steps_per_image_ * kTileSize;
  for (int64_t b = 0; b < steps_per_image_; ++b, to += kTileSize)
    k_.pack_tiles({.src = dy + b * kTileTerms * filters,
                   .ld = filters,
                   .rows = std::min(kTileTerms, pixels - b * kTileTerms),
                   .cols = filters,
                   .high = to,
                   .low = two ? to + filters / kTileColumns * block : nullptr,
                   .block = block});
}

void TilesWeights::run(int64_t count, const WeightsRun& r) const {
  const int64_t channels = shape_.x.channels, filters = shape_.filters;
  uint16_t* planes = x_planes_.in(r.scratch);
  uint16_t* tiles = dy_tiles_.in(r.scratch);
  int32_t* a_step = a_step_.in(r.scratch);
  int32_t* b_step = b_step_.in(r.scratch);
  load_x(count, r.x, planes);
  for (int64_t n = 0; n < count; ++n)
    load_dy(n, count, r.gradient.framed + n * dy_frame_.size(), tiles, dy_rows_.in(r.scratch));

  const int64_t b_block = count * steps_per_image_ * kTileSize;
  const int64_t low_a = channels * channel_pixels_, low_b = filters / kTileColumns * b_block;
  int64_t steps = 0;
  for (int64_t n = 0; n < count; ++n)
    for (int64_t b = 0; b < steps_per_image_; ++b)
      for (int64_t i = 0; i < products_of(shape_.precision); ++i, ++steps) {
        a_step[steps] = static_cast<int32_t>(n * planes_.pixels() + b * kTileTerms + (i == 2 ? low_a : 0));
        b_step[steps] = static_cast<int32_t>((n * steps_per_image_ + b) * kTileSize + (i == 1 ? low_b : 0));
      }
  for (const TileTap& tap : taps_)
    k_.tile_product({.a = planes + planes_.pixel(tap),
                     .lda = channel_pixels_,
                     .a_step = a_step,
                     .b = tiles,
                     .b_block = b_block,
                     .b_step = b_step,
                     .rows = channels,
                     .cols = filters,
                     .steps = steps,
                     .c = r.partial + tap.kernel * channels * filters,
                     .ldc = filters,
                     .accumulate = !r.overwrite});
}

// Takes so many images together that each sum has enough terms before it leaves the tile registers.
OperandNeeds tiles_weights_needs(const Conv2dProblem& p, const Kernels&) {
  constexpr int64_t kPixels = 512, kMostTiledImages = 8, kMostFloats = 1 << 22;
  const int64_t most =
      std::clamp<int64_t>(kMostFloats / std::max(p.x_size(), p.pixels() * p.params.filters), 1, kMostTiledImages);
  const int64_t pixels = std::max<int64_t>(p.pixels(), 1);
  return {.images = std::clamp<int64_t>((kPixels + pixels - 1) / pixels, 1, most), .framed_dy = true};
}

}  // namespace

const WeightsCandidate kTilesWeights = {
    .name = "tiles", .speed = tiles_speed, .needs = tiles_weights_needs, .make = make_pass<WeightsPass, TilesWeights>};

}  // namespace cnncore
