// Layers with several inputs. Shapes are those of samples, without the batch axis.
#pragma once

#include <string_view>
#include <vector>

#include "cnncore/tensor.h"

namespace cnncore {

enum class Merge { add, subtract, multiply, average, maximum, minimum };

/// The names above; throws std::invalid_argument for another one.
Merge parse_merge(std::string_view name);
const char* to_string(Merge kind);

/// y = x[0] op x[1] op ... over a batch, with NumPy's broadcasting of the shapes.
Shape merge_output_shape(Merge kind, const std::vector<Shape>& inputs);
void merge(Merge kind, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, float* y);

/// Computes dx[i] from dy, summed over the axes along which input i was repeated. Entries of dx that are null are
/// skipped. If several inputs are equally large (small), the first one gets the gradient.
void merge_backward(Merge kind, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, const float* dy,
                    float* const* dx);

/// The inputs one after another along an axis of the sample. A negative axis counts from the last one.
Shape concatenate_output_shape(int axis, const std::vector<Shape>& inputs);
void concatenate(int axis, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, float* y);
void concatenate_backward(int axis, const std::vector<Shape>& inputs, int64_t batch, const float* dy, float* const* dx);

/// Products of two inputs, summed over an axis of each sample (counted from 0). With `normalize`, the vectors are
/// divided by their length first.
struct DotParams {
  Shape x1, x2;
  int axis_1 = 0, axis_2 = 0;
  bool normalize = false;
};
Shape dot_output_shape(const DotParams& params);
void dot(const DotParams& params, int64_t batch, const float* x1, const float* x2, float* y);
void dot_backward(const DotParams& params, int64_t batch, const float* x1, const float* x2, const float* dy, float* dx1,
                  float* dx2);

}  // namespace cnncore
