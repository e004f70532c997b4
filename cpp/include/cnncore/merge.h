// Ops with several inputs. Shapes are those of samples, without the batch axis.
#pragma once

#include <string_view>
#include <vector>

#include "cnncore/tensor.h"

namespace cnncore {

enum class Merge { add, subtract, multiply, average, maximum, minimum };

/// Returns the kind with one of the names above. Throws std::invalid_argument for another name.
Merge parse_merge(std::string_view name);
const char* to_string(Merge kind);

/// Combines the values at the same place of all inputs. Shapes are broadcast as in NumPy.
Shape merge_output_shape(Merge kind, const std::vector<Shape>& inputs);
void merge(Merge kind, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, float* y);

/// Computes the gradient dx[i] of each input i from dy, summed over the axes along which the input was repeated.
/// Gradients whose pointers are null are not computed. If several inputs of a maximum (minimum) have the largest
/// (smallest) value, the first of them gets the gradient.
void merge_backward(Merge kind, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, const float* dy,
                    float* const* dx);

/// Joins the inputs along an axis of the sample; axis 0 is the first one after the batch. A negative axis counts from
/// the last one.
Shape concatenate_output_shape(int axis, const std::vector<Shape>& inputs);
void concatenate(int axis, const std::vector<Shape>& inputs, int64_t batch, const float* const* x, float* y);
void concatenate_backward(int axis, const std::vector<Shape>& inputs, int64_t batch, const float* dy, float* const* dx);

/// The dot products of the vectors along one axis of each input; axis 0 is the first one after the batch. With
/// `normalize`, the vectors are divided by their lengths first.
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
