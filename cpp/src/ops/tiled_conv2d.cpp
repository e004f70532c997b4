#include "ops/tiled_conv2d.h"

#include <algorithm>
#include <cstring>

#include "ops/frame.h"
#include "runtime/buffer.h"

namespace cnncore {
namespace {

constexpr int64_t kChunkFloats = 8192;  // of sums that wait for their epilogue in the nearest cache

int64_t blocks_of(int64_t size) { return (size + kTileRows - 1) / kTileRows; }

}  // namespace

void StridedPlanes::meet(const TiledProduct::Tap& tap) {
  top_ = met_ ? std::min(top_, tap.y) : tap.y;
  left_ = met_ ? std::min(left_, tap.x) : tap.x;
  met_ = true;
}

void StridedPlanes::hold(const TiledProduct::Tap& tap, int64_t height, int64_t width) {
  height_ = std::max(height_, height + (tap.y - top_) / stride_height_);
  pitch_ = std::max(pitch_, width + (tap.x - left_) / stride_width_);
}

int64_t StridedPlanes::pixel(const TiledProduct::Tap& tap) const {
  const int64_t y = tap.y - top_, x = tap.x - left_;
  const int64_t plane = y % stride_height_ * stride_width_ + x % stride_width_;
  return (plane * height_ + y / stride_height_) * pitch_ + x / stride_width_;
}

bool StridedPlanes::inside(const Frame& image) const {
  return top_ >= 0 && left_ >= 0 && top_ + stride_height_ * height_ <= image.height &&
         left_ + stride_width_ * pitch_ <= image.width;
}

template <class Function>
void StridedPlanes::for_runs(const Frame& image, Function run) const {
  if (stride_height_ == 1 && inside(image) && pitch_ == image.width && !image.has_border())
    return run(top_, left_, 0, height_ * pitch_);
  for (int64_t p = 0; p < stride_height_ * stride_width_; ++p)
    for (int64_t i = 0; i < height_; ++i) {
      const int64_t y = top_ + p / stride_width_ + i * stride_height_, x = left_ + p % stride_width_;
      if (y < 0 || y >= image.height) continue;
      const int64_t begin = x < 0 ? (-x + stride_width_ - 1) / stride_width_ : 0;
      const int64_t end = std::min(pitch_, image.width > x ? (image.width - 1 - x) / stride_width_ + 1 : 0);
      if (begin < end) run(y, x + begin * stride_width_, (p * height_ + i) * pitch_ + begin, end - begin);
    }
}

TiledConv2d::TiledConv2d(const TiledShape& shape, std::vector<TiledProduct> products, bool pool, const Kernels& kernels)
    : shape_(shape), k_(kernels), pool_(pool), planes_(shape) {
  for (const TiledProduct& product : products)
    for (const TiledProduct::Tap& tap : product.taps) planes_.meet(tap);
  for (const TiledProduct& product : products)
    for (const TiledProduct::Tap& tap : product.taps) planes_.hold(tap, product.height, product.width);
  frame_size_ = (planes_.pixels() + kTileRows) * shape.x.channels;  // blocks of rows reach beyond the last pixel
  for (TiledProduct& product : products) {
    Planned planned;
    planned.product = std::move(product);
    plan_steps(planned, packed_size_);
    plan_pixels(planned);
    c_size_ = std::max(c_size_, blocks_of(chunk_rows(planned, planned.chunk_height)) * kTileRows * shape.filters);
    products_.push_back(std::move(planned));
  }
}

// Steps run over taps and blocks of 32 channels; in bfloat16_3x each three times: high high, high low, low high.
void TiledConv2d::plan_steps(Planned& planned, int64_t& packed) const {
  const int64_t blocks = shape_.x.channels / kTileTerms, terms = terms_of(shape_.precision);
  const int64_t steps = static_cast<int64_t>(planned.product.taps.size()) * blocks;
  planned.b_block = steps * terms * kTileSize;
  planned.packed = packed;
  packed += aligned_count<float>(shape_.filters / kTileColumns * planned.b_block / 2);
  int64_t step = 0;
  for (const TiledProduct::Tap& tap : planned.product.taps) {
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

// Pixels of `height` rows of the output, at the pitch of x.
int64_t TiledConv2d::chunk_rows(const Planned& planned, int64_t height) const {
  return height > 0 ? (height - 1) * planes_.pitch() + planned.product.width : 0;
}

void TiledConv2d::plan_pixels(Planned& planned) const {
  const TiledProduct& p = planned.product;
  const int64_t least = pool_ ? 2 : 1;
  planned.chunk_height = std::min(least, p.height);
  // As many rows as fit, and of those the number that leaves the least of its last block empty.
  double best = 0;
  for (int64_t height = planned.chunk_height; height <= p.height; height += least) {
    const int64_t rows = chunk_rows(planned, height), block_rows = blocks_of(rows) * kTileRows;
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

int64_t TiledConv2d::scratch_size() const {
  return aligned_count<float>(image_size() / 2 + 1) + aligned_count<float>(c_size_);
}

int64_t TiledConv2d::packed_size() const {
  // behind the tiles: one tap of a kernel that is turned
  return packed_size_ + shape_.x.channels * shape_.filters;
}

void TiledConv2d::pack(const float* kernel, bool turned, float* packed) const {
  const int64_t channels = shape_.x.channels, filters = shape_.filters;
  for (const Planned& planned : products_) {
    auto* tiles = reinterpret_cast<uint16_t*>(packed + planned.packed);
    const bool two = terms_of(shape_.precision) == 2;
    uint16_t* low = tiles + planned.b_block / 2;
    for (const TiledProduct::Tap& tap : planned.product.taps) {
      const float* from = kernel + tap.kernel * channels * filters;
      if (turned) {
        k_.transpose(from, channels, packed + packed_size_, filters, filters, channels);
        from = packed + packed_size_;
      }
      for (int64_t c = 0; c < channels; c += kTileTerms, tiles += kTileSize, low += kTileSize)
        k_.pack_tiles({from + c * filters, filters, kTileTerms, filters, tiles, two ? low : nullptr, planned.b_block});
    }
  }
}

void TiledConv2d::load_image(const float* x, uint16_t* image) const {
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

// Rows [begin, end) of a product's output, of whole windows with a pool.
void TiledConv2d::run_rows(const Planned& planned, int64_t begin, int64_t end, const uint16_t* image,
                           const Run& run) const {
  const int64_t channels = shape_.x.channels, filters = shape_.filters;
  const TiledProduct& p = planned.product;
  float* c = run.scratch + aligned_count<float>(image_size() / 2 + 1);
  for (int64_t i = begin; i < end; i += planned.chunk_height) {
    const int64_t height = std::min(planned.chunk_height, end - i);
    k_.tile_product({image + i * planes_.pitch() * channels, channels, planned.a_step.data(),
                     reinterpret_cast<const uint16_t*>(run.packed + planned.packed), planned.b_block,
                     planned.b_step.data(), chunk_rows(planned, height), filters,
                     static_cast<int64_t>(planned.a_step.size()), c, filters, false});
    TilePoolArgs out;
    out.c = c, out.c_offset = planned.c_offset.data(), out.pixels = height * p.width, out.cols = filters;
    out.bias = run.bias, out.y = run.y, out.winner = run.winner, out.relu = run.relu;
    out.y_offset = planned.y_offset.data() + (pool_ ? i / 2 * (p.width / 2) : i * p.width);
    pool_ ? k_.tile_pool(out) : k_.tile_store(out);
  }
}

void TiledConv2d::run(int64_t count, int64_t y_image, Run run) const {
  auto* image = reinterpret_cast<uint16_t*>(run.scratch);
  for (int64_t n = 0; n < count; ++n) {
    load_image(run.x, image);
    for (const Planned& planned : products_) run_rows(planned, 0, planned.product.height, image, run);
    run.x += shape_.x.size();
    run.y += y_image;
    if (run.winner) run.winner += y_image;
  }
}

void TiledConv2d::run_part(int64_t part, int64_t parts, const Run& run) const {
  auto* image = reinterpret_cast<uint16_t*>(run.scratch);
  load_image(run.x, image);
  const int64_t least = pool_ ? 2 : 1;
  for (const Planned& planned : products_) {
    const int64_t units = planned.product.height / least;
    run_rows(planned, part * units / parts * least, (part + 1) * units / parts * least, image, run);
  }
}

// --- the gradient of the kernel -----------------------------------------------------------------------------------

TiledGradient::TiledGradient(const TiledShape& shape, std::vector<TiledProduct::Tap> taps, const Frame& dy,
                             int64_t images, const Kernels& kernels)
    : shape_(shape), dy_(dy), taps_(std::move(taps)), images_(images), k_(kernels), planes_(shape) {
  for (const TiledProduct::Tap& tap : taps_) planes_.meet(tap);
  for (const TiledProduct::Tap& tap : taps_) planes_.hold(tap, dy.height, dy.width);
  blocks_ = blocks_of((dy.height - 1) * planes_.pitch() + dy.width);
  // the last block may begin at the last tap and reach beyond the planes
  channel_pixels_ = (images_ * planes_.pixels() + 2 * kTileTerms) / kTileTerms * kTileTerms;
}

int64_t TiledGradient::scratch_size() const {
  const int64_t terms = terms_of(shape_.precision);
  return aligned_count<float>(terms * shape_.x.channels * channel_pixels_ / 2) +
         aligned_count<float>(terms * shape_.filters / kTileColumns * images_ * blocks_ * kTileSize / 2) +
         aligned_count<float>(blocks_ * kTileTerms * shape_.filters) + aligned_count<float>(2 * 3 * images_ * blocks_);
}

// Channel by channel, the planes of the images one behind the other. What is written behind a run is zeros, and is
// written again with the next run or image. What no image covers meets zeros in the tiles, and must not be NaN.
void TiledGradient::load_x(int64_t count, const float* x, uint16_t* planes) const {
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

// The tiles of an image's gradient, its rows at the pitch of x's planes.
void TiledGradient::load_dy(int64_t image, int64_t count, const float* dy, uint16_t* tiles, float* rows) const {
  const int64_t filters = shape_.filters, block = count * blocks_ * kTileSize;
  const bool two = terms_of(shape_.precision) == 2;
  if (planes_.pitch() != dy_.width || dy_.has_border()) {
    for (int64_t i = 0; i < dy_.height; ++i) {
      float* row = rows + i * planes_.pitch() * filters;
      std::copy_n(dy + dy_.offset(i, 0), dy_.width * filters, row);
      if (i + 1 < dy_.height) std::fill_n(row + dy_.width * filters, (planes_.pitch() - dy_.width) * filters, 0.0f);
    }
    dy = rows;
  }
  const int64_t pixels = (dy_.height - 1) * planes_.pitch() + dy_.width;
  uint16_t* to = tiles + image * blocks_ * kTileSize;
  for (int64_t b = 0; b < blocks_; ++b, to += kTileSize)
    k_.pack_tiles({dy + b * kTileTerms * filters, filters, std::min(kTileTerms, pixels - b * kTileTerms), filters, to,
                   two ? to + filters / kTileColumns * block : nullptr, block});
}

void TiledGradient::run(int64_t count, const float* x, const float* dy, float* dw, float* scratch) const {
  const int64_t channels = shape_.x.channels, filters = shape_.filters, terms = terms_of(shape_.precision);
  auto* planes = reinterpret_cast<uint16_t*>(scratch);
  scratch += aligned_count<float>(terms * channels * channel_pixels_ / 2);
  auto* tiles = reinterpret_cast<uint16_t*>(scratch);
  scratch += aligned_count<float>(terms * filters / kTileColumns * images_ * blocks_ * kTileSize / 2);
  float* rows = scratch;
  auto* a_step = reinterpret_cast<int32_t*>(scratch + aligned_count<float>(blocks_ * kTileTerms * filters));
  int32_t* b_step = a_step + 3 * images_ * blocks_;
  load_x(count, x, planes);
  for (int64_t n = 0; n < count; ++n) load_dy(n, count, dy + n * dy_.size(), tiles, rows);

  const int64_t b_block = count * blocks_ * kTileSize;
  const int64_t low_a = channels * channel_pixels_, low_b = filters / kTileColumns * b_block;
  int64_t steps = 0;
  for (int64_t n = 0; n < count; ++n)
    for (int64_t b = 0; b < blocks_; ++b)
      for (int64_t i = 0; i < products_of(shape_.precision); ++i, ++steps) {
        a_step[steps] = static_cast<int32_t>(n * planes_.pixels() + b * kTileTerms + (i == 2 ? low_a : 0));
        b_step[steps] = static_cast<int32_t>((n * blocks_ + b) * kTileSize + (i == 1 ? low_b : 0));
      }
  for (const TiledProduct::Tap& tap : taps_) {
    k_.tile_product({planes + planes_.pixel(tap), channel_pixels_, a_step, tiles, b_block, b_step, channels, filters,
                     steps, dw + tap.kernel * channels * filters, filters, true});
  }
}

}  // namespace cnncore
