// Augmentation: random changes of images for training. A batch of images is an array (samples, height, width, channels)
// of type T, which is uint8_t or float. Results have the type of the input; bytes are rounded, and clipped to 0 to 255.
// Every function works on several samples in parallel, and gives the same bits at any number of threads.
#pragma once

#include <cstdint>
#include <string>

namespace cnncore {

struct ImageBatch {
  int64_t samples = 0, height = 0, width = 0, channels = 0;
};

/// What takes the place of pixels beyond the edges of an axis of n pixels. The names are those of SciPy's ndimage:
///   constant       the result is the fill value where the coordinate is outside of [0, n - 1]
///   grid_constant  (v v v v | a b c d | v v v v): pixels of the fill value v; interpolation mixes them with those at
///                  the edge
///   nearest        (a a a a | a b c d | d d d d)
///   reflect        (d c b a | a b c d | d c b a)
///   wrap           the image repeats after n - 1 pixels, so that its last pixel is at the place of the first one
///   grid_wrap      (a b c d | a b c d | a b c d)
enum class Edge { constant, grid_constant, nearest, reflect, wrap, grid_wrap };
Edge parse_edge(const std::string& name);

struct AffineParams {
  ImageBatch images;
  int64_t out_height = 0, out_width = 0;
  Edge edge = Edge::reflect;
  float fill = 0;
  bool bilinear = true;  // false takes the nearest pixel, and the one with the larger index of two equally near ones
};

/// Computes y[n, i, j] as the value of x[n] at row m0 i + m1 j + m2 and column m3 i + m4 j + m5, where m = matrices[n]
/// has 6 numbers. For shifts by whole pixels and for flips, pixels are only copied.
template <class T>
void augment_affine(const AffineParams& params, const double* matrices, const T* x, T* y);

/// Writes the matrices of random shifts. Image n moves down by `height` times a number in [down[0], down[1]) and to the
/// right by `width` times a number in [right[0], right[1]). u[n, 0] and u[n, 1], which are in [0, 1), choose the two
/// numbers. With `whole_pixels` the shifts are rounded.
struct ShiftParams {
  int64_t height = 0, width = 0;
  double down[2] = {0, 0}, right[2] = {0, 0};
  bool whole_pixels = false;
};
void augment_shift_matrices(int64_t samples, const ShiftParams& params, const float* u, double* matrices);

/// Changes matrices so that images of height x width are also mirrored: left and right change places if `columns` is
/// true and u[n, 0] < 0.5, and top and bottom if `rows` is true and u[n, 1] < 0.5.
struct FlipParams {
  int64_t height = 0, width = 0;
  bool rows = false, columns = false;
};
void augment_flip_matrices(int64_t samples, const FlipParams& params, const float* u, double* matrices);

/// Writes the mean of each channel of each image to means[n, c].
template <class T>
void augment_channel_means(const ImageBatch& images, const T* x, float* means);

/// Computes y = scale[n, c] x + offset[n, c] for channel c of image n, clipped to [low[n], high[n]].
template <class T>
void augment_channels(const ImageBatch& images, const float* scale, const float* offset, const float* low,
                      const float* high, const T* x, T* y);

/// Rows [top, bottom) and columns [left, right) of each image.
struct Box {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

/// Copies x to y, except inside boxes[n], where y is fill[c]. If fill is null, y is there noise with a normal
/// distribution of mean 0 and standard deviation `noise`, clipped to [low, high].
struct EraseParams {
  ImageBatch images;
  const float* fill = nullptr;
  float noise = 0, low = 0, high = 0;
  uint64_t seed = 0, step = 0;
};
template <class T>
void augment_erase(const EraseParams& params, const Box* boxes, const T* x, T* y);

/// Computes y[n] = weight[n] x[n] + (1 - weight[n]) x[order[n]]: mixup (Zhang et al., 2018, arXiv:1710.09412).
template <class T>
void augment_mix(const ImageBatch& images, const int64_t* order, const float* weight, const T* x, T* y);

/// Copies x[n] to y[n], except inside boxes[n], where y[n] is x[order[n]]: CutMix (Yun et al., 2019, arXiv:1905.04899).
template <class T>
void augment_paste(const ImageBatch& images, const int64_t* order, const Box* boxes, const T* x, T* y);

/// Writes numbers in [0, 1) to out[n, k] that depend only on seed, step, n and k.
void augment_uniform(uint64_t seed, uint64_t step, int64_t samples, int64_t count, float* out);

/// Sets whether augmentation that is called by this thread uses this thread alone (`threads` is 1) or several ones (any
/// other number). A thread that prepares batches while another one trains should work alone.
void limit_augment_threads(int threads);

}  // namespace cnncore
