#include "ops/conv2d/tile_convolution.h"

#include <algorithm>
#include <cstring>

namespace cnncore {
namespace {

// A chunk is the part of the output whose sums are computed before bias, relu and pool are applied to them. It has at
// most this many floats, so that they stay in the nearest cache.
constexpr int64_t kChunkFloats = 8192;

}  // namespace

TileConvolution::TileConvolution(const TileShape& shape, std::vector<TileProduct> products, bool pool,
                                 const Kernels& kernels)
    : shape_(shape), k_(kernels), pool_(pool), planes_(shape) {
  for (const TileProduct& product : products)
    for (const TileTap& tap : product.taps) planes_.meet(tap);
  for (const TileProduct& product : products)
    for (const TileTap& tap : product.taps) planes_.hold(tap, product.height, product.width);
  // The products read whole blocks of pixels, also beyond the last pixel.
  frame_size_ = (planes_.pixels() + kTileRows) * shape.x.channels;
  int64_t most_sums = 0;
  for (TileProduct& product : products) {
    Planned planned;
    planned.product = std::move(product);
    plan_steps(planned);
    plan_pixels(planned);
    most_sums = std::max(most_sums, tiles_for(chunk_rows(planned, planned.chunk_height)) * kTileRows * shape.filters);
    products_.push_back(std::move(planned));
  }
  image_ = layout_.take<uint16_t>(image_size() + 2);
  sums_ = layout_.take<float>(most_sums);
}

// A step of a product is one tap and one block of 32 channels. In the precision bfloat16_3x, where an operand is the
// sum of a high and a low part, each step is taken three times: high * high, high * low and low * high.
void TileConvolution::plan_steps(Planned& planned) {
  const int64_t blocks = shape_.x.channels / kTileTerms, terms = terms_of(shape_.precision);
  const int64_t steps = static_cast<int64_t>(planned.product.taps.size()) * blocks;
  planned.b_block = steps * terms * kTileSize;
  planned.packed = packed_size_;
  packed_size_ += aligned_count<float>(shape_.filters / kTileColumns * planned.b_block / 2);
  int64_t step = 0;
  for (const TileTap& tap : planned.product.taps) {
    const int64_t pixel = planes_.pixel(tap);
    for (int64_t c = 0; c < blocks; ++c, ++step) {
      const int64_t a = pixel * shape_.x.channels + c * kTileTerms, b = step * kTileSize;
      const int64_t low_a = a + frame_size_, low_b = b + steps * kTileSize;
      const auto add = [&](int64_t from_a, int64_t from_b) {
        planned.a_step.push_back(static_cast<int32_t>(from_a));
        planned.b_step.push_back(static_cast<int32_t>(from_b));
      };
      add(a, b);
      if (terms == 1) continue;
      add(a, low_b);
      add(low_a, b);
    }
  }
}

// The number of pixels of `height` rows of the output, if rows are as long as those of x in its planes.
int64_t TileConvolution::chunk_rows(const Planned& planned, int64_t height) const {
  return height > 0 ? (height - 1) * planes_.pitch() + planned.product.width : 0;
}

void TileConvolution::plan_pixels(Planned& planned) const {
  const TileProduct& p = planned.product;
  const int64_t least = pool_ ? 2 : 1;
  planned.chunk_height = std::min(least, p.height);
  // Of the numbers of rows that fit into a chunk, takes the one that leaves the smallest share of its last block empty.
  double best = 0;
  for (int64_t height = planned.chunk_height; height <= p.height; height += least) {
    const int64_t rows = chunk_rows(planned, height), block_rows = tiles_for(rows) * kTileRows;
    if (height > least && block_rows * shape_.filters > kChunkFloats) break;
    const double share = static_cast<double>(height * p.width) / static_cast<double>(block_rows);
    if (share < best) continue;
    best = share;
    planned.chunk_height = height;
  }
  const auto offset = [&](int64_t i, int64_t j) {
    return static_cast<int32_t>((i * planes_.pitch() + j) * shape_.filters);
  };
  if (!pool_) {
    for (int64_t i = 0; i < planned.chunk_height; ++i)
      for (int64_t j = 0; j < p.width; ++j) planned.c_offset.push_back(offset(i, j));
  } else {
    for (int64_t i = 0; i < planned.chunk_height; i += 2)
      for (int64_t j = 0; j < p.width; j += 2)
        for (const int64_t at : {0, 1, 2, 3}) planned.c_offset.push_back(offset(i + at / 2, j + at % 2));
  }
  const int64_t shrink = pool_ ? 2 : 1;
  for (int64_t i = 0; i < p.height / shrink; ++i)
    for (int64_t j = 0; j < p.width / shrink; ++j)
      planned.y_offset.push_back(static_cast<int32_t>(p.y_begin + i * p.y_row + j * p.y_pixel));
}

int64_t TileConvolution::packed_size() const {
  // After the tiles there is space for one tap of a kernel whose channels and filters have been exchanged.
  return packed_size_ + shape_.x.channels * shape_.filters;
}

// Where the tiles of one tap begin, from the given channel on. `tap` counts the taps of this product.
uint16_t* TileConvolution::packed_tiles(const Planned& planned, float* packed, int64_t tap, int64_t channel) const {
  return halves(packed + planned.packed) + (tap * shape_.x.channels + channel) / kTileTerms * kTileSize;
}

void TileConvolution::pack(IndexRange channels, const float* kernel, float* packed) const {
  const int64_t filters = shape_.filters;
  const bool two = terms_of(shape_.precision) == 2;
  for (const Planned& planned : products_) {
    int64_t index = 0;
    for (const TileTap& tap : planned.product.taps) {
      const float* from = kernel + tap.kernel * shape_.x.channels * filters;
      uint16_t* high = packed_tiles(planned, packed, index++, channels.begin);
      for (int64_t c = channels.begin; c < channels.end; c += kTileTerms, high += kTileSize)
        k_.pack_tiles({.src = from + c * filters,
                       .ld = filters,
                       .rows = kTileTerms,
                       .cols = filters,
                       .high = high,
                       .low = two ? high + planned.b_block / 2 : nullptr,
                       .block = planned.b_block});
    }
  }
}

void TileConvolution::pack_exchanged(IndexRange filters, const float* kernel, float* packed) const {
  const int64_t channels = shape_.x.channels, count = filters.size();
  const bool two = terms_of(shape_.precision) == 2;
  // One tap of the filters in the range: channels x count floats.
  float* tap_kernel = packed + packed_size_ + filters.begin * channels;
  for (const Planned& planned : products_) {
    int64_t index = 0;
    for (const TileTap& tap : planned.product.taps) {
      k_.transpose(kernel + (tap.kernel * shape_.filters + filters.begin) * channels, channels, tap_kernel, count,
                   count, channels);
      uint16_t* high = packed_tiles(planned, packed, index++, 0) + filters.begin / kTileColumns * planned.b_block;
      for (int64_t c = 0; c < channels; c += kTileTerms, high += kTileSize)
        k_.pack_tiles({.src = tap_kernel + c * count,
                       .ld = count,
                       .rows = kTileTerms,
                       .cols = count,
                       .high = high,
                       .low = two ? high + planned.b_block / 2 : nullptr,
                       .block = planned.b_block});
    }
  }
}

void TileConvolution::load_image(const float* x, uint16_t* image) const {
  const int64_t channels = shape_.x.channels;
  const bool two = terms_of(shape_.precision) == 2, whole_runs = shape_.stride_width == 1;
  if (!planes_.inside(shape_.x)) std::memset(image, 0, static_cast<size_t>(image_size()) * sizeof *image);
  planes_.for_runs(shape_.x, [&](int64_t y, int64_t from, int64_t to, int64_t count) {
    const int64_t pieces = whole_runs ? 1 : count, size = count / pieces * channels;
    for (int64_t j = 0; j < pieces; ++j) {
      uint16_t* high = image + (to + j) * channels;
      k_.to_bfloat16(x + shape_.x.offset(y, from + j * shape_.stride_width), high, two ? high + frame_size_ : nullptr,
                     size);
    }
  });
}

// Computes rows [begin, end) of the output of a product. With a pool, these are rows of whole windows.
void TileConvolution::run_rows(const Planned& planned, int64_t begin, int64_t end, const uint16_t* image,
                               const Run& run) const {
  const int64_t channels = shape_.x.channels, filters = shape_.filters;
  const TileProduct& p = planned.product;
  float* c = sums_.in(run.scratch);
  for (int64_t i = begin; i < end; i += planned.chunk_height) {
    const int64_t height = std::min(planned.chunk_height, end - i);
    k_.tile_product({.a = image + i * planes_.pitch() * channels,
                     .lda = channels,
                     .a_step = planned.a_step.data(),
                     .b = halves(run.packed + planned.packed),
                     .b_block = planned.b_block,
                     .b_step = planned.b_step.data(),
                     .rows = chunk_rows(planned, height),
                     .cols = filters,
                     .steps = static_cast<int64_t>(planned.a_step.size()),
                     .c = c,
                     .ldc = filters,
                     .accumulate = false});
    TilePoolArgs out;
    out.c = c, out.c_offset = planned.c_offset.data(), out.pixels = height * p.width, out.cols = filters;
    out.bias = run.bias, out.y = run.y, out.winner = run.winner, out.relu = run.relu;
    out.y_offset = planned.y_offset.data() + (pool_ ? i / 2 * (p.width / 2) : i * p.width);
    pool_ ? k_.tile_pool(out) : k_.tile_store(out);
  }
}

void TileConvolution::run(int64_t count, int64_t y_image, Share share, Run run) const {
  uint16_t* image = image_.in(run.scratch);
  const int64_t least = pool_ ? 2 : 1;
  for (int64_t n = 0; n < count; ++n) {
    load_image(run.x, image);
    for (const Planned& planned : products_) {
      const int64_t units = planned.product.height / least;
      run_rows(planned, share.begin(units) * least, share.end(units) * least, image, run);
    }
    run.x += shape_.x.size();
    run.y += y_image;
    if (run.winner) run.winner += y_image;
  }
}

}  // namespace cnncore
