// From what Python passes to a network to what the network computes with: its inputs, and the batch of a training step.
#pragma once

#include "array.h"

namespace cnncore {

using Indices = py::array_t<int64_t, py::array::c_style>;
using Objects = std::optional<std::vector<py::object>>;

/// Returns the images of x, an array (samples, *input_shape) of uint8 or float32. The array must exist as long as the
/// result is used.
Images to_images(const char* op, const py::array& x, const Shape& sample);

/// Returns the arrays of a list or tuple. Anything else is a TypeError.
std::vector<py::array> to_arrays(const char* op, const py::object& x);

/// Returns the images of all inputs of a network. The arrays must exist as long as the result is used.
std::vector<Images> to_inputs(const char* op, const Network& net, const std::vector<py::array>& x);

/// Returns a batch with the loss of each output. `losses`, `y`, `loss_weights` and `sample_weight` have an entry for
/// each output, or are None. All arrays must exist as long as the result is used.
TrainBatch to_batch(const Network& net, const std::vector<py::array>& x, const Objects& y, const Objects& losses,
                    const std::optional<std::vector<float>>& loss_weights, const Objects& sample_weight,
                    const std::optional<Indices>& indices);

/// Returns the memory of entry `o` of `outputs`, a list of an array or None for each output, or null if it is None.
float* output_memory(const py::object& outputs, size_t o, int64_t size, const Shape& sample);

}  // namespace cnncore
