// Functions for metrics that look at the values along the last axis of predictions.
#include "array.h"

namespace cnncore {
namespace {

// Returns the shape of an array with one value for each row of y_pred.
Shape row_shape(const char* op, const Array& y_pred) {
  check(y_pred.ndim() >= 1 && y_pred.shape(y_pred.ndim() - 1) >= 1, op,
        "expected predictions with values on their last axis. Received: shape ", shape_of(y_pred));
  Shape shape = shape_of(y_pred);
  shape.pop_back();
  return shape;
}

using Labels = py::array_t<int64_t, py::array::c_style>;

}  // namespace

void bind_metrics(py::module_& m) {
  m.def(
      "argmax",
      [](const Array& x) {
        const Shape shape = row_shape("[argmax] ", x);
        Labels y(shape);
        argmax_rows(element_count(shape), x.shape(x.ndim() - 1), x.data(), y.mutable_data());
        return y;
      },
      py::arg("x").noconvert());
  m.def(
      "count_hits",
      [](const Labels& labels, const Array& y_pred) {
        const Shape shape = row_shape("[count_hits] ", y_pred);
        check_shape("[count_hits] ", "labels", labels, shape);
        return count_hits(element_count(shape), y_pred.shape(y_pred.ndim() - 1), labels.data(), y_pred.data());
      },
      py::arg("labels").noconvert(), py::arg("y_pred").noconvert());
  m.def(
      "top_k_hits",
      [](const Labels& labels, const Array& y_pred, int64_t k) {
        const Shape shape = row_shape("[top_k_hits] ", y_pred);
        check_shape("[top_k_hits] ", "labels", labels, shape);
        py::array_t<uint8_t> hits(shape);
        top_k_rows(element_count(shape), y_pred.shape(y_pred.ndim() - 1), k, labels.data(), y_pred.data(),
                   hits.mutable_data());
        return hits;
      },
      py::arg("labels").noconvert(), py::arg("y_pred").noconvert(), py::arg("k"));
}

}  // namespace cnncore
