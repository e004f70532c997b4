// Convolutions as products of bfloat16 tiles (kernels.h: TileProductArgs), where the machine has a unit for them.
#pragma once

#include <vector>

#include "kernels/kernels.h"
#include "ops/conv2d_geometry.h"

namespace cnncore {

/// Products of a bfloat16_3x operand pair: high * high, high * low, low * high; of a bfloat16 pair: the first alone.
inline int64_t products_of(Precision precision) { return precision == Precision::bfloat16_3x ? 3 : 1; }
/// bfloat16 arrays that an operand becomes.
inline int64_t terms_of(Precision precision) { return precision == Precision::bfloat16_3x ? 2 : 1; }

/// Whether tiles are worth it where float32 kernels save `saving` times the products by an algorithm of their own.
inline bool tiles_pay(const Kernels& kernels, Precision precision, double saving) {
  return precision != Precision::float32 && kernels.tile_product &&
         kernels.tile_gain > saving * static_cast<double>(products_of(precision));
}

/// y[y_begin + i * y_row + j * y_pixel + f] = act(bias[f] + sum over taps and channels c of
///     x[stride * i + tap.y][stride * j + tap.x][c] * kernel[tap.kernel][c][f])       i < height, j < width
/// x is zero outside its image. Channels and filters are multiples of 32.
struct TiledProduct {
  struct Tap {
    int64_t y, x;    // relative to stride times the output's position; may be negative
    int64_t kernel;  // which tap of the kernel
  };
  std::vector<Tap> taps;
  int64_t height, width;
  int64_t y_begin, y_row, y_pixel;
};

struct TiledShape {
  Frame x;  // as it lies in memory
  int64_t filters;
  int64_t stride_height, stride_width;
  Precision precision;
};

/// How an image is laid out for products: planes of the pixels that are a stride apart, so that neighbours in the
/// output are neighbours in a plane, and one pitch for all rows.
class StridedPlanes {
 public:
  explicit StridedPlanes(const TiledShape& shape)
      : stride_height_(shape.stride_height), stride_width_(shape.stride_width) {}
  /// Taps over an output of height x width pixels: first all of them are met, then the planes made to hold them.
  void meet(const TiledProduct::Tap& tap);
  void hold(const TiledProduct::Tap& tap, int64_t height, int64_t width);

  int64_t pitch() const { return pitch_; }
  int64_t pixels() const { return stride_height_ * stride_width_ * height_ * pitch_; }
  /// The pixel that a tap reads for the first output.
  int64_t pixel(const TiledProduct::Tap& tap) const;

  /// No place in the planes lies outside the image.
  bool inside(const Frame& image) const;
  /// Calls run(y, x, to, count) for each run of `count` pixels of an image, from (y, x) on in steps of the stride; `to`
  /// is the first one's place in the planes. A run is one of a row, or the whole image where rows follow each other.
  template <class Function>
  void for_runs(const Frame& image, Function run) const;

 private:
  int64_t stride_height_, stride_width_;
  bool met_ = false;
  int64_t top_ = 0, left_ = 0;  // where in the image the planes begin
  int64_t height_ = 0, pitch_ = 0;
};

class TiledConv2d {
 public:
  /// The products share x; with `pool` there is one, and the maximum of each 2x2 window is written instead.
  TiledConv2d(const TiledShape& shape, std::vector<TiledProduct> products, bool pool, const Kernels& kernels);

  int64_t scratch_size() const;
  int64_t packed_size() const;

  /// kernel[tap][c][f], or kernel[tap][f][c] where it is `turned`, for the gradient of the input.
  void pack(const float* kernel, bool turned, float* packed) const;

  struct Run {
    const float* x;
    const float* packed;
    const float* bias;  // may be null
    float* y;
    uint8_t* winner;  // may be null
    bool relu;
    float* scratch;
  };
  /// `count` consecutive images, whose results lie y_image floats apart.
  void run(int64_t count, int64_t y_image, Run run) const;
  /// One part of `parts` of the rows of one image's result.
  void run_part(int64_t part, int64_t parts, const Run& run) const;

 private:
  struct Planned {
    TiledProduct product;
    Offsets a_step, b_step;    // per step
    Offsets c_offset;          // of the pixels (or of the windows' pixels) of a chunk
    Offsets y_offset;          // of all pixels (or windows)
    int64_t chunk_height = 0;  // rows of the output taken together
    int64_t packed = 0, b_block = 0;
  };
  void plan_steps(Planned& planned, int64_t& packed) const;
  void plan_pixels(Planned& planned) const;
  int64_t chunk_rows(const Planned& planned, int64_t height) const;
  int64_t image_size() const { return frame_size_ * terms_of(shape_.precision); }
  void load_image(const float* x, uint16_t* image) const;
  void run_rows(const Planned& planned, int64_t begin, int64_t end, const uint16_t* image, const Run& run) const;

  TiledShape shape_;
  const Kernels& k_;
  bool pool_;
  StridedPlanes planes_;
  int64_t frame_size_ = 0;  // of an image in planes, all channels
  int64_t packed_size_ = 0, c_size_ = 0;
  std::vector<Planned> products_;
};

/// The gradient of the kernel: dw[tap][c][f] += sum over images and pixels of x[stride * i + tap.y]... * dy[i][j][f],
/// from the frames of x and dy.
class TiledGradient {
 public:
  TiledGradient(const TiledShape& shape, std::vector<TiledProduct::Tap> taps, const Frame& dy, int64_t images,
                const Kernels& kernels);

  int64_t scratch_size() const;
  /// count <= images.
  void run(int64_t count, const float* x, const float* dy, float* dw, float* scratch) const;

 private:
  void load_x(int64_t count, const float* x, uint16_t* planes) const;
  void load_dy(int64_t image, int64_t count, const float* dy, uint16_t* tiles, float* rows) const;

  TiledShape shape_;
  Frame dy_;
  std::vector<TiledProduct::Tap> taps_;
  int64_t images_;
  const Kernels& k_;
  StridedPlanes planes_;
  int64_t channel_pixels_ = 0;  // floats between channels
  int64_t blocks_ = 0;          // steps of an image
};

}  // namespace cnncore
