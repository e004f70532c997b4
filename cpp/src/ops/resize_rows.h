// Layers that move, repeat or interpolate pixels, and global pooling, computed on the calling thread. Only constructors
// allocate memory. With `accumulate`, a function adds to its result instead of overwriting it.
#pragma once

#include "cnncore/resize.h"
#include "kernels/kernels.h"

namespace cnncore {

/// y is x inside a border of zeros. `in` is the size of x.
void pad_rows(int64_t count, const ImageSize& in, const Padding& padding, const float* x, float* y);
/// y is x without its border. `in` is the size of x. This is also the gradient of pad_rows, where `in` is the size
/// after padding.
void crop_rows(const Kernels& k, int64_t count, const ImageSize& in, const Padding& cropping, const float* x, float* y,
               bool accumulate = false);

/// Rearranges the axes of a sample.
class PermutePlan {
 public:
  /// Axis a of y is axis dims[a] of x, counted from 1.
  PermutePlan(const Shape& in, const std::vector<int>& dims);

  const Shape& output_shape() const { return output_; }
  void forward(const Kernels& k, int64_t count, const float* x, float* y) const { run(k, forward_, count, x, y); }
  void backward(const Kernels& k, int64_t count, const float* dy, float* dx) const { run(k, backward_, count, dy, dx); }

 private:
  // Matrices to transpose, or runs of values to copy, from one list of offsets to another.
  struct Moves {
    std::vector<int64_t> from, to;
    int64_t rows, cols;  // y[c * ldd + r] = x[r * lds + c]; a run that is copied has one row
    int64_t lds, ldd;
  };
  static Moves moves(const Shape& in, const std::vector<int>& dims);
  void run(const Kernels& k, const Moves& m, int64_t count, const float* x, float* y) const;

  int64_t size_;
  Shape output_;
  Moves forward_, backward_;
};

/// Upsampling by whole factors.
class UpsamplingPlan {
 public:
  explicit UpsamplingPlan(const Upsampling2dParams& params);

  const Shape& output_shape() const { return output_; }
  void forward(const Kernels& k, int64_t count, const float* x, float* y) const;
  void backward(const Kernels& k, int64_t count, const float* dy, float* dx, bool accumulate) const;

 private:
  // Output position o is between the input positions at the offsets low[o] and high[o]; weight[o] is the share of the
  // latter.
  struct Axis {
    std::vector<int64_t> low, high;
    std::vector<float> weight;
    InterpolatedAxis view() const {
      return {low.data(), high.data(), weight.data(), static_cast<int64_t>(weight.size())};
    }
  };
  static Axis axis(int64_t size, int64_t factor, int64_t pitch);
  BilinearArgs interpolation() const;

  Upsampling2dParams params_;
  Shape output_;
  Axis rows_, cols_;  // for bilinear interpolation
};

/// y[c] is the mean over the pixels. The gradient is dx = dy / pixels.
void global_avg_pool_rows(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x, float* y);
void global_avg_pool_rows_backward(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* dy,
                                   float* dx, bool accumulate);
/// y[c] is the maximum over the pixels, or NaN if one of them is NaN. The gradient is dx = dy at the first pixel with
/// the maximum, and zero at the others.
void global_max_pool_rows(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x, float* y);
void global_max_pool_rows_backward(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x,
                                   const float* y, const float* dy, float* dx);

}  // namespace cnncore
