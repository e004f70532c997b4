// Augmentation: batches of images on their way into training. Images are (height, width, channels), uint8 or float32;
// results have the type of their input, bytes are rounded and clipped. Every function works on the samples of a batch
// in parallel and gives the same bits at any number of threads. T is uint8_t or float.
#pragma once

#include <cstdint>
#include <string>

namespace cnncore {

struct ImageBatch {
  int64_t samples = 0, height = 0, width = 0, channels = 0;
};

/// What lies beyond the edges of an image of n pixels, named as SciPy's ndimage names it:
///   constant       a coordinate outside of [0, n - 1] gives the fill value
///   grid_constant  (v v v v | a b c d | v v v v): pixels of the fill value, which interpolation mixes in
///   nearest        (a a a a | a b c d | d d d d)
///   reflect        (d c b a | a b c d | d c b a)
///   wrap           a period of n - 1: the last pixel lies on the first one
///   grid_wrap      (a b c d | a b c d | a b c d)
enum class Edge { constant, grid_constant, nearest, reflect, wrap, grid_wrap };
Edge parse_edge(const std::string& name);

struct AffineParams {
  ImageBatch images;
  int64_t out_height = 0, out_width = 0;
  Edge edge = Edge::reflect;
  float fill = 0;
  bool bilinear = true;  // else the nearest pixel; halves are rounded up
};

/// y[n, i, j] = x[n] at row m0 i + m1 j + m2 and column m3 i + m4 j + m5, with m = matrices[n] (6 numbers). Shifts by
/// whole pixels and flips are copies.
template <class T>
void augment_affine(const AffineParams& params, const double* matrices, const T* x, T* y);

/// means[n, c]: the mean of a channel of an image.
template <class T>
void augment_channel_means(const ImageBatch& images, const T* x, float* means);

/// y = scale[n, c] x + offset[n, c], clipped to [low[n], high[n]].
template <class T>
void augment_channels(const ImageBatch& images, const float* scale, const float* offset, const float* low,
                      const float* high, const T* x, T* y);

/// Rows [top, bottom) and columns [left, right) of each image.
struct Box {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

/// y = x, but for box[n], which holds fill[c], or normal noise of standard deviation `noise` clipped to [low, high]
/// where fill is null.
struct EraseParams {
  ImageBatch images;
  const float* fill = nullptr;
  float noise = 0, low = 0, high = 0;
  uint64_t seed = 0, step = 0;
};
template <class T>
void augment_erase(const EraseParams& params, const Box* boxes, const T* x, T* y);

/// y[n] = weight[n] x[n] + (1 - weight[n]) x[order[n]]  (mixup, arXiv:1710.09412).
template <class T>
void augment_mix(const ImageBatch& images, const int64_t* order, const float* weight, const T* x, T* y);

/// y[n] = x[n] with box[n] taken from x[order[n]]  (CutMix, arXiv:1905.04899).
template <class T>
void augment_paste(const ImageBatch& images, const int64_t* order, const Box* boxes, const T* x, T* y);

/// out[n, k]: numbers in [0, 1) that depend on seed, step, n and k alone.
void augment_uniform(uint64_t seed, uint64_t step, int64_t samples, int64_t count, float* out);

/// The most threads that augmentation uses when it is called from this thread: 0 for all. A thread that prepares
/// batches beside the training takes one.
void limit_augment_threads(int threads);

}  // namespace cnncore
