// Augmentation: changes batches of images for training. Images are (height, width, channels) of type T, which is
// uint8_t or float. Results have the type of their input; bytes are rounded and clipped. Every function works on the
// samples of a batch in parallel, and gives the same bits at any number of threads.
#pragma once

#include <cstdint>
#include <string>

namespace cnncore {

struct ImageBatch {
  int64_t samples = 0, height = 0, width = 0, channels = 0;
};

/// The values beyond the edges of an image of n pixels, with the names they have in SciPy's ndimage:
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
  bool bilinear = true;  // otherwise the nearest pixel; halves are rounded up
};

/// y[n, i, j] = x[n] at row m0 i + m1 j + m2 and column m3 i + m4 j + m5, where m = matrices[n] has 6 numbers. Shifts
/// by whole pixels and flips only copy pixels.
template <class T>
void augment_affine(const AffineParams& params, const double* matrices, const T* x, T* y);

/// Matrices of images that move down by `height` times a number of [down[0], down[1]) and to the right by `width` times
/// one of [right[0], right[1]), which u[n, 2] in [0, 1) chooses; rounded to whole pixels if wanted.
struct ShiftParams {
  int64_t height = 0, width = 0;
  double down[2] = {0, 0}, right[2] = {0, 0};
  bool whole_pixels = false;
};
void augment_shift_matrices(int64_t samples, const ShiftParams& params, const float* u, double* matrices);

/// Changes matrices so that they move images of height x width that are mirrored first: the columns where
/// u[n, 0] < 0.5, the rows where u[n, 1] < 0.5, as far as these are to be mirrored.
struct FlipParams {
  int64_t height = 0, width = 0;
  bool rows = false, columns = false;
};
void augment_flip_matrices(int64_t samples, const FlipParams& params, const float* u, double* matrices);

/// Writes the mean of each channel of each image to means[n, c].
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

/// y = x, except inside box[n], where y is fill[c]. If fill is null, it is normal noise of standard deviation `noise`,
/// clipped to [low, high].
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

/// Writes numbers in [0, 1) to out[n, k] that depend only on seed, step, n and k.
void augment_uniform(uint64_t seed, uint64_t step, int64_t samples, int64_t count, float* out);

/// Limits the number of threads that augmentation uses when this thread calls it; 0 means no limit. A thread that
/// prepares batches while another one trains uses one.
void limit_augment_threads(int threads);

}  // namespace cnncore
