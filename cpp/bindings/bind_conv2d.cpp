// Convolutions and transposed convolutions of arrays.
#include <optional>

#include "array.h"

namespace cnncore {
namespace {

Conv2dParams conv2d_params(const Array& x, const Array& kernel, Pair strides, const PaddingPairs& padding,
                           Pair dilation, int64_t groups, const std::string& precision) {
  constexpr const char* op = "[conv2d] ";
  check_rank(op, "x (batch, height, width, channels)", x, 4);
  check_rank(op, "kernel (height, width, channels / groups, filters)", kernel, 4);
  Conv2dParams p;
  p.in_height = x.shape(1), p.in_width = x.shape(2), p.in_channels = x.shape(3);
  p.kernel_height = kernel.shape(0), p.kernel_width = kernel.shape(1), p.filters = kernel.shape(3);
  p.stride_height = strides.first, p.stride_width = strides.second;
  p.dilation_height = dilation.first, p.dilation_width = dilation.second;
  p.groups = groups;
  p.padding = to_padding(padding);
  p.precision = parse_precision(precision);
  (void)conv2d_output_shape(p);
  check(kernel.shape(2) * groups == p.in_channels, op, "expected a kernel for ", p.in_channels, " channels in ", groups,
        " groups. Received: x ", shape_of(x), ", kernel ", shape_of(kernel));
  return p;
}

Conv2dTransposeParams conv2d_transpose_params(const Array& x, const Array& kernel, Pair strides,
                                              const PaddingPairs& padding, Pair output_padding, Pair dilation,
                                              const std::string& precision) {
  constexpr const char* op = "[conv2d_transpose] ";
  check_rank(op, "x (batch, height, width, channels)", x, 4);
  check_rank(op, "kernel (height, width, filters, channels)", kernel, 4);
  Conv2dTransposeParams p;
  p.in_height = x.shape(1), p.in_width = x.shape(2), p.in_channels = x.shape(3);
  p.kernel_height = kernel.shape(0), p.kernel_width = kernel.shape(1), p.filters = kernel.shape(2);
  p.stride_height = strides.first, p.stride_width = strides.second;
  p.dilation_height = dilation.first, p.dilation_width = dilation.second;
  p.padding = to_padding(padding);
  p.output_padding_height = output_padding.first, p.output_padding_width = output_padding.second;
  p.precision = parse_precision(precision);
  (void)conv2d_transpose_output_shape(p);
  check(kernel.shape(3) == p.in_channels, op, "expected a kernel (height, width, filters, channels) for ",
        p.in_channels, " channels. Received: x ", shape_of(x), ", kernel ", shape_of(kernel));
  return p;
}

}  // namespace

void bind_conv2d(py::module_& m) {
  m.def(
      "conv2d",
      [](const Array& x, const Array& kernel, const std::optional<Array>& bias, Pair strides,
         const PaddingPairs& padding, Pair dilation, int64_t groups, const std::string& precision) {
        const Conv2dParams p = conv2d_params(x, kernel, strides, padding, dilation, groups, precision);
        const float* b = bias_data("[conv2d] ", bias, p.filters);
        Array y = empty(batched(x.shape(0), conv2d_output_shape(p)));
        float* out = y.mutable_data();
        {
          py::gil_scoped_release release;
          conv2d(p, x.shape(0), x.data(), kernel.data(), b, out);
        }
        return y;
      },
      py::arg("x").noconvert(), py::arg("kernel").noconvert(), py::arg("bias").noconvert(), py::arg("strides"),
      py::arg("padding"), py::arg("dilation_rate"), py::arg("groups"), py::arg("precision") = "float32");
  m.def(
      "conv2d_backward",
      [](const Array& x, const Array& kernel, const Array& dy, Pair strides, const PaddingPairs& padding, Pair dilation,
         int64_t groups, bool needs_dx, bool needs_dkernel, const std::string& precision) {
        const Conv2dParams p = conv2d_params(x, kernel, strides, padding, dilation, groups, precision);
        check_shape("[conv2d_backward] ", "dy", dy, batched(x.shape(0), conv2d_output_shape(p)));
        GradientArray dx(needs_dx, shape_of(x)), dkernel(needs_dkernel, shape_of(kernel)),
            dbias(needs_dkernel, {p.filters});
        {
          py::gil_scoped_release release;
          conv2d_backward(p, x.shape(0), x.data(), kernel.data(), dy.data(), dx.data, dkernel.data, dbias.data);
        }
        return py::make_tuple(dx.array, dkernel.array, dbias.array);
      },
      py::arg("x").noconvert(), py::arg("kernel").noconvert(), py::arg("dy").noconvert(), py::arg("strides"),
      py::arg("padding"), py::arg("dilation_rate"), py::arg("groups"), py::arg("needs_dx") = true,
      py::arg("needs_dkernel") = true, py::arg("precision") = "float32");
}

void bind_conv2d_transpose(py::module_& m) {
  m.def(
      "conv2d_transpose",
      [](const Array& x, const Array& kernel, const std::optional<Array>& bias, Pair strides,
         const PaddingPairs& padding, Pair output_padding, Pair dilation, const std::string& precision) {
        const Conv2dTransposeParams p =
            conv2d_transpose_params(x, kernel, strides, padding, output_padding, dilation, precision);
        const float* b = bias_data("[conv2d_transpose] ", bias, p.filters);
        Array y = empty(batched(x.shape(0), conv2d_transpose_output_shape(p)));
        float* out = y.mutable_data();
        {
          py::gil_scoped_release release;
          conv2d_transpose(p, x.shape(0), x.data(), kernel.data(), b, out);
        }
        return y;
      },
      py::arg("x").noconvert(), py::arg("kernel").noconvert(), py::arg("bias").noconvert(), py::arg("strides"),
      py::arg("padding"), py::arg("output_padding"), py::arg("dilation_rate"), py::arg("precision") = "float32");
  m.def(
      "conv2d_transpose_backward",
      [](const Array& x, const Array& kernel, const Array& dy, Pair strides, const PaddingPairs& padding,
         Pair output_padding, Pair dilation, const std::string& precision) {
        const Conv2dTransposeParams p =
            conv2d_transpose_params(x, kernel, strides, padding, output_padding, dilation, precision);
        check_shape("[conv2d_transpose_backward] ", "dy", dy, batched(x.shape(0), conv2d_transpose_output_shape(p)));
        GradientArray dx(true, shape_of(x)), dkernel(true, shape_of(kernel)), dbias(true, {p.filters});
        {
          py::gil_scoped_release release;
          conv2d_transpose_backward(p, x.shape(0), x.data(), kernel.data(), dy.data(), dx.data, dkernel.data,
                                    dbias.data);
        }
        return py::make_tuple(dx.array, dkernel.array, dbias.array);
      },
      py::arg("x").noconvert(), py::arg("kernel").noconvert(), py::arg("dy").noconvert(), py::arg("strides"),
      py::arg("padding"), py::arg("output_padding"), py::arg("dilation_rate"), py::arg("precision") = "float32");
}

}  // namespace cnncore
