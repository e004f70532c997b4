// The stateless ops: check shapes, release the GIL, compute.
#include <algorithm>
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
        " groups. Received: x ", to_string(shape_of(x)), ", kernel ", to_string(shape_of(kernel)));
  return p;
}

const float* bias_data(const char* op, const std::optional<Array>& bias, int64_t size) {
  if (!bias) return nullptr;
  check_shape(op, "bias", *bias, {size});
  return bias->data();
}

// An array to be returned, or None where it is not wanted.
struct GradientArray {
  GradientArray(bool wanted, const Shape& shape) {
    if (!wanted) return;
    array = empty(shape);
    data = array->mutable_data();
  }
  std::optional<Array> array;
  float* data = nullptr;
};

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
        p.in_channels, " channels. Received: x ", to_string(shape_of(x)), ", kernel ", to_string(shape_of(kernel)));
  return p;
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

Pool2dParams pool2d_params(const char* op, const Shape& x, Pair pool_size, Pair strides, const PaddingPairs& padding) {
  check(x.size() == 4, "[", op, "] expected x of rank 4 (batch, height, width, channels). Received: shape ",
        to_string(x));
  const Pool2dParams p{
      x[1], x[2], x[3], pool_size.first, pool_size.second, strides.first, strides.second, to_padding(padding)};
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

DenseParams dense_params(const Array& x, const Array& kernel, const std::string& precision) {
  check_rank("[dense] ", "x (batch, features)", x, 2);
  check_rank("[dense] ", "kernel (features, units)", kernel, 2);
  check(kernel.shape(0) == x.shape(1), "[dense] expected a kernel of ", x.shape(1), " rows. Received: x ",
        to_string(shape_of(x)), ", kernel ", to_string(shape_of(kernel)));
  return {x.shape(1), kernel.shape(1), parse_precision(precision)};
}

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

std::pair<int64_t, int64_t> rows_and_columns(const Array& x) {
  check(x.ndim() >= 1, "[activation] expected an array of rank 1 or more. Received: a scalar");
  const int64_t cols = x.shape(x.ndim() - 1);
  return {cols > 0 ? x.size() / cols : 0, cols};
}

ActivationSpec activation_spec(const std::string& kind, float alpha, float max_value, float threshold) {
  ActivationSpec spec = parse_activation(kind);
  spec.alpha = alpha, spec.max_value = max_value, spec.threshold = threshold;
  validate(spec);
  return spec;
}

// Of x and y the one that backward reads, with the shape of the result.
const Array& saved_by_forward(const char* op, const ActivationSpec& spec, const std::optional<Array>& x,
                              const std::optional<Array>& y) {
  const std::optional<Array>& saved = needs_input(spec) ? x : y;
  check(saved.has_value(), op, "expected the ", needs_input(spec) ? "input x" : "output y", " of '",
        to_string(spec.kind), "'");
  return *saved;
}

void bind_activation(py::module_& m) {
  const auto def = [&m](const char* name, auto function, auto... arguments) {
    m.def(name, function, arguments..., py::arg("kind"), py::arg("alpha"), py::arg("max_value"), py::arg("threshold"));
  };
  m.def("activation_defaults", [](const std::string& kind) {
    const ActivationSpec spec = parse_activation(kind);
    return py::make_tuple(spec.alpha, spec.max_value, spec.threshold);
  });
  m.def("activation_needs_input", [](const std::string& kind) { return needs_input(parse_activation(kind)); });
  def(
      "activation",
      [](const Array& x, const std::string& kind, float alpha, float max_value, float threshold) {
        const ActivationSpec spec = activation_spec(kind, alpha, max_value, threshold);
        const auto [rows, cols] = rows_and_columns(x);
        Array y = empty(shape_of(x));
        activation(spec, rows, cols, x.data(), y.mutable_data());
        return y;
      },
      py::arg("x").noconvert());
  def(
      "activation_backward",
      [](const std::optional<Array>& x, const std::optional<Array>& y, const Array& dy, const std::string& kind,
         float alpha, float max_value, float threshold) {
        const ActivationSpec spec = activation_spec(kind, alpha, max_value, threshold);
        const Array& saved = saved_by_forward("[activation_backward] ", spec, x, y);
        const auto [rows, cols] = rows_and_columns(saved);
        check_shape("[activation_backward] ", "dy", dy, shape_of(saved));
        Array dx = empty(shape_of(saved));
        activation_backward(spec, rows, cols, saved.data(), saved.data(), dy.data(), dx.mutable_data());
        return dx;
      },
      py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("dy").noconvert());
  def(
      "activation_second",
      [](const std::optional<Array>& x, const std::optional<Array>& y, const std::string& kind, float alpha,
         float max_value, float threshold) {
        const ActivationSpec spec = activation_spec(kind, alpha, max_value, threshold);
        const Array& saved = saved_by_forward("[activation_second] ", spec, x, y);
        Array d2 = empty(shape_of(saved));
        activation_second(spec, saved.size(), saved.data(), saved.data(), d2.mutable_data());
        return d2;
      },
      py::arg("x").noconvert(), py::arg("y").noconvert());
}

void bind_prelu(py::module_& m) {
  const auto sample_shape = [](const char* op, const Array& x) {
    check(x.ndim() >= 2, op, "expected x of rank 2 or more. Received: shape ", to_string(shape_of(x)));
    return Shape(x.shape() + 1, x.shape() + x.ndim());
  };
  m.def(
      "prelu",
      [sample_shape](const Array& x, const Array& alpha) {
        const Shape sample = sample_shape("[prelu] ", x);
        Array y = empty(shape_of(x));
        float* to = y.mutable_data();
        {
          py::gil_scoped_release release;
          prelu(sample, shape_of(alpha), x.shape(0), x.data(), alpha.data(), to);
        }
        return y;
      },
      py::arg("x").noconvert(), py::arg("alpha").noconvert());
  m.def(
      "prelu_backward",
      [sample_shape](const Array& x, const Array& alpha, const Array& dy) {
        const Shape sample = sample_shape("[prelu_backward] ", x);
        check_shape("[prelu_backward] ", "dy", dy, shape_of(x));
        Array dx = empty(shape_of(x)), dalpha = empty(shape_of(alpha));
        float *to = dx.mutable_data(), *dalpha_to = dalpha.mutable_data();
        {
          py::gil_scoped_release release;
          prelu_backward(sample, shape_of(alpha), x.shape(0), x.data(), alpha.data(), dy.data(), to, dalpha_to);
        }
        return py::make_tuple(dx, dalpha);
      },
      py::arg("x").noconvert(), py::arg("alpha").noconvert(), py::arg("dy").noconvert());
}

void bind_losses(py::module_& m) {
  m.def(
      "softmax_cross_entropy",
      [](const Array& logits, const py::array& labels) {
        check_rank("[softmax_cross_entropy] ", "logits (batch, classes)", logits, 2);
        check(logits.size() > 0, "[softmax_cross_entropy] expected at least one sample and class. Received: shape ",
              to_string(shape_of(logits)));
        Array dlogits = empty(shape_of(logits));
        const Targets targets = to_targets("[softmax_cross_entropy] ", labels, logits.shape(0), {logits.shape(1)});
        const double loss =
            softmax_cross_entropy(logits.shape(0), logits.shape(1), logits.data(), targets, dlogits.mutable_data());
        return py::make_tuple(loss, dlogits);
      },
      py::arg("logits").noconvert(), py::arg("labels"));
  m.def(
      "mean_squared_error",
      [](const Array& y_pred, const Array& y_true) {
        check_shape("[mean_squared_error] ", "y_true", y_true, shape_of(y_pred));
        check(y_pred.size() > 0, "[mean_squared_error] expected at least one value. Received: shape ",
              to_string(shape_of(y_pred)));
        Array dy = empty(shape_of(y_pred));
        const int64_t batch = y_pred.ndim() ? y_pred.shape(0) : 1;
        const double loss =
            mean_squared_error(batch, y_pred.size() / batch, y_pred.data(), y_true.data(), dy.mutable_data());
        return py::make_tuple(loss, dy);
      },
      py::arg("y_pred").noconvert(), py::arg("y_true").noconvert());
}

void bind_updates(py::module_& m) {
  m.def(
      "sgd_update",
      [](const Array& params, const Array& grads, const std::optional<Array>& velocity, float learning_rate,
         float momentum, bool nesterov) {
        check_shape("[sgd] ", "grads", grads, shape_of(params));
        if (velocity) check_shape("[sgd] ", "velocity", *velocity, shape_of(params));
        check(velocity || momentum == 0.0f, "[sgd] expected a velocity where momentum is not 0");
        sgd_update(params.size(), writable("[sgd] ", "params", params), grads.data(),
                   velocity ? writable("[sgd] ", "velocity", *velocity) : nullptr, learning_rate, momentum, nesterov);
      },
      py::arg("params").noconvert(), py::arg("grads").noconvert(), py::arg("velocity").noconvert(),
      py::arg("learning_rate"), py::arg("momentum"), py::arg("nesterov"));
  m.def(
      "adam_update",
      [](const Array& params, const Array& grads, const Array& moment_1, const Array& moment_2, int64_t step,
         float learning_rate, double beta_1, double beta_2, float epsilon, double weight_decay) {
        check_shape("[adam] ", "grads", grads, shape_of(params));
        check_shape("[adam] ", "m", moment_1, shape_of(params));
        check_shape("[adam] ", "v", moment_2, shape_of(params));
        adam_update(params.size(), writable("[adam] ", "params", params), grads.data(),
                    writable("[adam] ", "m", moment_1), writable("[adam] ", "v", moment_2), step, learning_rate, beta_1,
                    beta_2, epsilon, weight_decay);
      },
      py::arg("params").noconvert(), py::arg("grads").noconvert(), py::arg("m").noconvert(), py::arg("v").noconvert(),
      py::arg("step"), py::arg("learning_rate"), py::arg("beta_1"), py::arg("beta_2"), py::arg("epsilon"),
      py::arg("weight_decay"));
}

}  // namespace

void bind_ops(py::module_& m) {
  using Matrix = py::array_t<double, py::array::c_style>;
  m.def(
      "spd_inverse",
      [](const Matrix& matrix) {
        check_rank("[spd_inverse] ", "matrix", matrix, 2);
        const int64_t size = matrix.shape(0);
        check(matrix.shape(1) == size,
              "[spd_inverse] expected a square matrix. Received: ", to_string(shape_of(matrix)));
        Matrix inverse({size, size});
        double* values = inverse.mutable_data();
        std::copy_n(matrix.data(), size * size, values);
        const py::gil_scoped_release release;
        spd_inverse(size, values);
        return inverse;
      },
      py::arg("matrix").noconvert());
  bind_conv2d(m);
  bind_conv2d_transpose(m);
  bind_pool2d(m);
  bind_dense(m);
  bind_activation(m);
  bind_prelu(m);
  bind_normalization(m);
  bind_merge(m);
  bind_resize(m);
  bind_losses(m);
  bind_updates(m);
}

}  // namespace cnncore
