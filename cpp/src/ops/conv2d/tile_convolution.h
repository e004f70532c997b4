// Computes convolutions as products of bfloat16 tiles. The forward pass and the gradient of the input use this.
#pragma once

#include "ops/conv2d/pass.h"
#include "ops/conv2d/tile_planes.h"
#include "ops/tile_units.h"
#include "runtime/scratch.h"

namespace cnncore {

/// y[y_begin + i * y_row + j * y_pixel + f] = act(bias[f] + sum over taps and channels c of
///     x[stride * i + tap.y][stride * j + tap.x][c] * kernel[tap.kernel][c][f])       i < height, j < width
/// x counts as zero outside the image. The numbers of channels and of filters are multiples of 32.
struct TileProduct {
  std::vector<TileTap> taps = {};
  int64_t height, width;
  int64_t y_begin, y_row, y_pixel;
};

class TileConvolution {
 public:
  /// All products read the same x. With `pool`, there must be a single product, and instead of its output the maximum
  /// of each 2x2 window is written.
  TileConvolution(const TileShape& shape, std::vector<TileProduct> products, bool pool, const Kernels& kernels);

  int64_t scratch_size() const { return layout_.size(); }
  int64_t packed_size() const;

  /// Packs the kernel. The first function reads kernel[tap][c][f] for a range of channels c. The second one is for the
  /// gradient of the input, where channels and filters are exchanged: it reads kernel[tap][f][c] for a range of filters
  /// f. Ranges begin and end at multiples of 32.
  void pack(IndexRange channels, const float* kernel, float* packed) const;
  void pack_exchanged(IndexRange filters, const float* kernel, float* packed) const;

  struct Run {
    const float* x;
    const float* packed;
    const float* bias;  // null stands for zeros
    float* y;
    uint8_t* winner;  // may be null, in inference
    bool relu;
    float* scratch;
  };
  /// Computes `count` consecutive images, whose outputs begin y_image floats apart. If count is 1, it can be a share of
  /// the rows of that image.
  void run(int64_t count, int64_t y_image, Share share, Run run) const;

 private:
  struct Planned {
    TileProduct product;
    Offsets a_step, b_step;    // for each step: where its operands begin
    Offsets c_offset;          // for each pixel of a chunk (with a pool, window by window): where its sums are
    Offsets y_offset;          // for each pixel (with a pool, for each window): where its output goes
    int64_t chunk_height = 0;  // how many rows of the output a chunk has
    int64_t packed = 0, b_block = 0;
  };
  void plan_steps(Planned& planned);
  void plan_pixels(Planned& planned) const;
  int64_t chunk_rows(const Planned& planned, int64_t height) const;
  int64_t image_size() const { return frame_size_ * terms_of(shape_.precision); }
  void load_image(const float* x, uint16_t* image) const;
  uint16_t* packed_tiles(const Planned& planned, float* packed, int64_t tap, int64_t channel) const;
  void run_rows(const Planned& planned, int64_t begin, int64_t end, const uint16_t* image, const Run& run) const;

  TileShape shape_;
  const Kernels& k_;
  bool pool_;
  StridedPlanes planes_;
  int64_t frame_size_ = 0;  // values of one image in planes, with all channels
  int64_t packed_size_ = 0;
  std::vector<Planned> products_;
  ScratchLayout layout_;
  ScratchArray<uint16_t> image_;
  ScratchArray<float> sums_;
};

}  // namespace cnncore
