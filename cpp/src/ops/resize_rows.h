// Layers that move, repeat or interpolate pixels, and global pooling, on the calling thread. Nothing allocates but the
// constructors. Where a function takes `accumulate`, it adds to its result instead of overwriting it.
#pragma once

#include "cnncore/resize.h"
#include "kernels/kernels.h"

namespace cnncore {

/// y = x with zeros around; `in` is x's size.
void pad_rows(int64_t count, const ImageSize& in, const Padding& padding, const float* x, float* y);
/// y = the inside of x; `in` is x's size. The gradient of pad_rows where `in` is the padded size.
void crop_rows(const Kernels& k, int64_t count, const ImageSize& in, const Padding& cropping, const float* x, float* y,
               bool accumulate = false);

/// Any order of the axes of a sample.
class PermutePlan {
 public:
  /// Axis a of y is axis dims[a] of x, counted from 1.
  PermutePlan(const Shape& in, const std::vector<int>& dims);

  const Shape& output_shape() const { return output_; }
  void forward(const Kernels& k, int64_t count, const float* x, float* y) const { run(k, forward_, count, x, y); }
  void backward(const Kernels& k, int64_t count, const float* dy, float* dx) const { run(k, backward_, count, dy, dx); }

 private:
  // Squares to transpose, or runs to copy, at pairs of offsets.
  struct Moves {
    std::vector<int64_t> from, to;
    int64_t rows, cols;  // y[c * ldd + r] = x[r * lds + c]; a copied run has one row
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
  // Output position o lies between the input's offsets low and high, `weight` towards the latter.
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
  Axis rows_, cols_;  // of bilinear interpolation
};

/// y[c] = mean over the pixels; dx = dy / pixels.
void global_avg_pool_rows(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x, float* y);
void global_avg_pool_rows_backward(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* dy,
                                   float* dx, bool accumulate);
/// y[c] = maximum over the pixels, NaN where one is; dx = dy at the first pixel that attains it, zero elsewhere.
void global_max_pool_rows(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x, float* y);
void global_max_pool_rows_backward(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x,
                                   const float* y, const float* dy, float* dx);

}  // namespace cnncore
