// Max pooling and average pooling of arrays.
#include "array.h"

namespace cnncore {
namespace {

Pool2dParams pool2d_params(const char* op, const Shape& x, Pair pool_size, Pair strides, const PaddingPairs& padding) {
  check(x.size() == 4, "[", op, "] expected x of rank 4 (batch, height, width, channels). Received: shape ", x);
  const Pool2dParams p{.in_height = x[1],
                       .in_width = x[2],
                       .channels = x[3],
                       .pool_height = pool_size.first,
                       .pool_width = pool_size.second,
                       .stride_height = strides.first,
                       .stride_width = strides.second,
                       .padding = to_padding(padding)};
  (void)pool2d_output_shape(p, op);
  return p;
}

using PoolForward = void (*)(const Pool2dParams&, int64_t, const float*, float*);

void bind_pool(py::module_& m, const char* name, PoolForward forward) {
  m.def(
      name,
      [name, forward](const Array& x, Pair pool_size, Pair strides, const PaddingPairs& padding) {
        const Pool2dParams p = pool2d_params(name, shape_of(x), pool_size, strides, padding);
        Array y = empty(batched(x.shape(0), pool2d_output_shape(p)));
        float* out = y.mutable_data();
        {
          py::gil_scoped_release release;
          forward(p, x.shape(0), x.data(), out);
        }
        return y;
      },
      py::arg("x").noconvert(), py::arg("pool_size"), py::arg("strides"), py::arg("padding"));
}

}  // namespace

void bind_pool2d(py::module_& m) {
  bind_pool(m, "max_pool2d", max_pool2d);
  bind_pool(m, "avg_pool2d", avg_pool2d);
  m.def(
      "max_pool2d_backward",
      [](const Array& x, const Array& dy, Pair pool_size, Pair strides, const PaddingPairs& padding) {
        const Pool2dParams p = pool2d_params("max_pool2d_backward", shape_of(x), pool_size, strides, padding);
        check_shape("[max_pool2d_backward] ", "dy", dy, batched(x.shape(0), pool2d_output_shape(p)));
        Array dx = empty(shape_of(x));
        float* out = dx.mutable_data();
        {
          py::gil_scoped_release release;
          max_pool2d_backward(p, x.shape(0), x.data(), dy.data(), out);
        }
        return dx;
      },
      py::arg("x").noconvert(), py::arg("dy").noconvert(), py::arg("pool_size"), py::arg("strides"),
      py::arg("padding"));
  m.def(
      "avg_pool2d_backward",
      [](const Shape& x_shape, const Array& dy, Pair pool_size, Pair strides, const PaddingPairs& padding) {
        const Pool2dParams p = pool2d_params("avg_pool2d_backward", x_shape, pool_size, strides, padding);
        check_shape("[avg_pool2d_backward] ", "dy", dy, batched(x_shape[0], pool2d_output_shape(p)));
        Array dx = empty(x_shape);
        float* out = dx.mutable_data();
        {
          py::gil_scoped_release release;
          avg_pool2d_backward(p, x_shape[0], dy.data(), out);
        }
        return dx;
      },
      py::arg("x_shape"), py::arg("dy").noconvert(), py::arg("pool_size"), py::arg("strides"), py::arg("padding"));
}

}  // namespace cnncore
