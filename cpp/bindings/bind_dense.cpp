// Dense layers of arrays.
#include <optional>

#include "array.h"

namespace cnncore {
namespace {

DenseParams dense_params(const Array& x, const Array& kernel, const std::string& precision) {
  check_rank("[dense] ", "x (batch, features)", x, 2);
  check_rank("[dense] ", "kernel (features, units)", kernel, 2);
  check(kernel.shape(0) == x.shape(1), "[dense] expected a kernel of ", x.shape(1), " rows. Received: x ", shape_of(x),
        ", kernel ", shape_of(kernel));
  return {x.shape(1), kernel.shape(1), parse_precision(precision)};
}

}  // namespace

void bind_dense(py::module_& m) {
  m.def(
      "dense",
      [](const Array& x, const Array& kernel, const std::optional<Array>& bias, const std::string& precision) {
        const DenseParams p = dense_params(x, kernel, precision);
        const float* b = bias_data("[dense] ", bias, p.units);
        Array y = empty({x.shape(0), p.units});
        float* out = y.mutable_data();
        {
          py::gil_scoped_release release;
          dense(p, x.shape(0), x.data(), kernel.data(), b, out);
        }
        return y;
      },
      py::arg("x").noconvert(), py::arg("kernel").noconvert(), py::arg("bias").noconvert(),
      py::arg("precision") = "float32");
  m.def(
      "dense_backward",
      [](const Array& x, const Array& kernel, const Array& dy, const std::string& precision) {
        const DenseParams p = dense_params(x, kernel, precision);
        check_shape("[dense_backward] ", "dy", dy, {x.shape(0), p.units});
        Array dx = empty(shape_of(x)), dkernel = empty(shape_of(kernel)), dbias = empty({p.units});
        float *dx_out = dx.mutable_data(), *dk_out = dkernel.mutable_data(), *db_out = dbias.mutable_data();
        {
          py::gil_scoped_release release;
          dense_backward(p, x.shape(0), x.data(), kernel.data(), dy.data(), dx_out, dk_out, db_out);
        }
        return py::make_tuple(dx, dkernel, dbias);
      },
      py::arg("x").noconvert(), py::arg("kernel").noconvert(), py::arg("dy").noconvert(),
      py::arg("precision") = "float32");
}

}  // namespace cnncore
