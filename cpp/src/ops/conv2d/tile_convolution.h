// Convolutions as products of bfloat16 tiles: the forward pass, and the gradient of the input.
#pragma once

#include "ops/conv2d/pass.h"
#include "ops/conv2d/tile_planes.h"
#include "ops/tile_units.h"
#include "runtime/scratch.h"

namespace cnncore {

/// y[y_begin + i * y_row + j * y_pixel + f] = act(bias[f] + sum over taps and channels c of
///     x[stride * i + tap.y][stride * j + tap.x][c] * kernel[tap.kernel][c][f])       i < height, j < width
/// x is zero outside its image. Channels and filters are multiples of 32.
struct TileProduct {
  std::vector<TileTap> taps = {};
  int64_t height, width;
  int64_t y_begin, y_row, y_pixel;
};

class TileConvolution {
 public:
  /// The products share x; with `pool` there is one, and the maximum of each 2x2 window is written instead.
  TileConvolution(const TileShape& shape, std::vector<TileProduct> products, bool pool, const Kernels& kernels);

  int64_t scratch_size() const { return layout_.size(); }
  int64_t packed_size() const;

  /// From kernel[tap][c][f], for channels c in a range; or from kernel[tap][f][c], for filters f in a range: that of
  /// the gradient of the input, whose channels and filters are exchanged. Ranges begin and end at multiples of 32.
  void pack(IndexRange channels, const float* kernel, float* packed) const;
  void pack_exchanged(IndexRange filters, const float* kernel, float* packed) const;

  struct Run {
    const float* x;
    const float* packed;
    const float* bias;  // may be null
    float* y;
    uint8_t* winner;  // may be null
    bool relu;
    float* scratch;
  };
  /// `count` consecutive images, whose results lie y_image floats apart; or a share of the rows of one.
  void run(int64_t count, int64_t y_image, Share share, Run run) const;

 private:
  struct Planned {
    TileProduct product;
    Offsets a_step, b_step;    // per step
    Offsets c_offset;          // of the pixels (or of the windows' pixels) of a chunk
    Offsets y_offset;          // of all pixels (or windows)
    int64_t chunk_height = 0;  // rows of the output taken together
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
  int64_t frame_size_ = 0;  // of an image in planes, all channels
  int64_t packed_size_ = 0;
  std::vector<Planned> products_;
  ScratchLayout layout_;
  ScratchArray<uint16_t> image_;
  ScratchArray<float> sums_;
};

}  // namespace cnncore
