// Checks of NumPy arrays, and conversions between them and the types of the core. Values are neither converted nor
// copied here; the Python code does that before.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "cnncore/cnncore.h"
#include "runtime/buffer.h"
#include "runtime/check.h"

namespace cnncore {

namespace py = pybind11;
using Array = py::array_t<float, py::array::c_style>;
using Pair = std::pair<int64_t, int64_t>;
using PaddingPairs = std::pair<Pair, Pair>;  // ((top, bottom), (left, right))

inline Padding to_padding(const PaddingPairs& p) {
  return {p.first.first, p.first.second, p.second.first, p.second.second};
}

/// Returns the name of the class of an object, for error messages.
inline std::string type_name(const py::handle& object) {
  return std::string(py::str(py::type::of(object).attr("__name__")));
}

inline Shape shape_of(const py::array& a) { return Shape(a.shape(), a.shape() + a.ndim()); }

/// Returns the shape of a batch of samples.
inline Shape batched(int64_t batch, const Shape& sample) {
  Shape shape(sample.size() + 1);
  shape[0] = batch;
  std::copy(sample.begin(), sample.end(), shape.begin() + 1);
  return shape;
}

inline void check_shape(const char* op, const char* name, const py::array& a, const Shape& expected) {
  check(shape_of(a) == expected, op, "expected ", name, " of shape ", expected, ". Received: ", shape_of(a));
}

inline void check_rank(const char* op, const char* name, const py::array& a, int64_t rank) {
  check(a.ndim() == rank, op, "expected ", name, " of rank ", rank, ". Received: shape ", shape_of(a));
}

/// Returns the values of an array of the caller. Throws std::invalid_argument if the array is read-only.
inline float* writable(const char* op, const char* name, const Array& a) {
  check(a.writeable(), op, "expected ", name, " to be writable. Received: a read-only array");
  return const_cast<float*>(a.data());
}

/// Returns the array itself, which must be float32 and C-contiguous. Otherwise Python gets a TypeError or a ValueError.
inline Array float32(const char* op, const char* name, const py::array& a) {
  if (!py::isinstance<py::array_t<float>>(a))
    throw py::type_error(std::string(op) + "expected " + name +
                         " of dtype float32. Received: " + std::string(py::str(a.dtype())));
  check(a.flags() & py::array::c_style, op, "expected ", name, " to be C-contiguous");
  return py::reinterpret_borrow<Array>(a);
}

/// Makes an array in memory of NumPy without setting its values. It needs no list of strides, as pybind11's
/// constructors do.
inline Array in_numpy_memory(const Shape& shape) {
  const auto& numpy = py::detail::npy_api::get();
  Shape dimensions = shape;  // NumPy takes a pointer to values that it could change
  PyObject* made = numpy.PyArray_NewFromDescr_(
      numpy.PyArray_Type_, py::dtype::of<float>().release().ptr(), static_cast<int>(dimensions.size()),
      reinterpret_cast<Py_intptr_t*>(dimensions.data()), nullptr, nullptr, 0, nullptr);
  if (!made) throw py::error_already_set();
  return py::reinterpret_steal<Array>(made);
}

/// Makes an array without setting its values. Large arrays are aligned to cache lines, so that kernels are faster.
inline Array empty(const Shape& shape) {
  constexpr int64_t kSmall = 1024;
  const int64_t count = element_count(shape);            // throws an exception if it is too large
  if (count >= std::numeric_limits<int64_t>::max() / 8)  // the text of the shape is made only if it is needed
    check(false, "[array] expected a result that fits memory. Received: shape ", shape);
  if (count <= kSmall) return in_numpy_memory(shape);  // NumPy allocates small arrays faster
  const size_t bytes = static_cast<size_t>(aligned_count<float>(std::max<int64_t>(count, 1))) * sizeof(float);
  void* data = take_block(bytes);
  const py::capsule owner(data, nullptr, [](PyObject* self) {
    give_block(PyCapsule_GetPointer(self, nullptr), reinterpret_cast<size_t>(PyCapsule_GetContext(self)));
  });
  PyCapsule_SetContext(owner.ptr(), reinterpret_cast<void*>(bytes));
  return Array(std::vector<py::ssize_t>(shape.begin(), shape.end()), static_cast<float*>(data), owner);
}

inline py::tuple to_tuple(const Shape& shape) {
  py::tuple t(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) t[i] = shape[i];
  return t;
}

/// Makes an array whose values are in memory that belongs to `owner`. The array keeps `owner` alive.
inline Array view(float* data, int64_t size, const py::object& owner) {
  return Array({size}, {sizeof(float)}, data, owner);
}

/// Returns the shape of the samples of an array whose first axis is that of the batch. The batch may be empty, samples
/// may not.
inline Shape sample_shape(const char* op, const char* name, const py::array& a) {
  check(a.ndim() >= 2 && std::all_of(a.shape() + 1, a.shape() + a.ndim(), [](py::ssize_t size) { return size > 0; }),
        op, "expected ", name, " of rank 2 or more, with the batch axis in front and samples of at least one value. ",
        "Received: shape ", shape_of(a));
  return Shape(a.shape() + 1, a.shape() + a.ndim());
}

/// Returns the values of a bias, which must have `size` values, or null if there is no bias.
inline const float* bias_data(const char* op, const std::optional<Array>& bias, int64_t size) {
  if (!bias) return nullptr;
  check_shape(op, "bias", *bias, {size});
  return bias->data();
}

/// A gradient that is returned to Python, or None if it is not wanted.
struct GradientArray {
  GradientArray(bool wanted, const Shape& shape) {
    if (!wanted) return;
    array = empty(shape);
    data = array->mutable_data();
  }
  std::optional<Array> array;
  float* data = nullptr;
};

/// Returns the targets of `samples` samples for an output of shape `output`. y has either float32 values in the shape
/// of the output, or int64 labels in this shape without the last axis, or with a last axis of length 1. The array must
/// exist as long as the result is used.
inline Targets to_targets(const char* op, const py::array& y, int64_t samples, const Shape& output) {
  check(y.ndim() >= 1 && y.shape(0) == samples, op, "expected targets for ", samples, " samples. Received: shape ",
        shape_of(y));
  check(y.flags() & py::array::c_style, op, "expected C-contiguous targets. Received: an array in another order");
  if (py::isinstance<py::array_t<int64_t>>(y)) {
    check(!output.empty(), op,
          "expected targets of dtype float32 for an output with a single value for each sample. "
          "Received: int64");
    Shape labels{samples};
    labels.insert(labels.end(), output.begin(), output.end() - 1);
    if (y.ndim() > static_cast<py::ssize_t>(labels.size()) && y.shape(y.ndim() - 1) == 1) labels.push_back(1);
    check_shape(op, "labels", y, labels);
    return {static_cast<const int64_t*>(y.data()), nullptr};
  }
  if (!py::isinstance<py::array_t<float>>(y))
    throw py::type_error(std::string(op) +
                         "expected targets of dtype int64 or float32. Received: " + std::string(py::str(y.dtype())));
  const int64_t outputs = element_count(output);
  check(y.size() == samples * outputs, op, "expected targets with ", outputs,
        " values for each sample. Received: shape ", shape_of(y));
  return {nullptr, static_cast<const float*>(y.data())};
}

void bind_ops(py::module_& m);
void bind_conv2d(py::module_& m);
void bind_conv2d_transpose(py::module_& m);
void bind_pool2d(py::module_& m);
void bind_dense(py::module_& m);
void bind_activation(py::module_& m);
void bind_prelu(py::module_& m);
void bind_normalization(py::module_& m);
void bind_merge(py::module_& m);
void bind_resize(py::module_& m);
void bind_graph(py::module_& m);
void bind_loss(py::module_& m);
void bind_metrics(py::module_& m);
void bind_network(py::module_& m);
void bind_augment(py::module_& m);
void bind_optimizers(py::module_& m);

}  // namespace cnncore
