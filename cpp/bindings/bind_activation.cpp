// Activation functions of arrays, and PReLU.
#include <optional>

#include "array.h"

namespace cnncore {
namespace {

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

// Returns the array that the backward pass reads: x or y.
const Array& saved_by_forward(const char* op, const ActivationSpec& spec, const std::optional<Array>& x,
                              const std::optional<Array>& y) {
  const std::optional<Array>& saved = needs_input(spec) ? x : y;
  check(saved.has_value(), op, "expected the ", needs_input(spec) ? "input x" : "output y", " of '",
        to_string(spec.kind), "'. Received: None");
  return *saved;
}

}  // namespace

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
  m.def(
      "prelu",
      [](const Array& x, const Array& alpha) {
        const Shape sample = sample_shape("[prelu] ", "x", x);
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
      [](const Array& x, const Array& alpha, const Array& dy) {
        const Shape sample = sample_shape("[prelu_backward] ", "x", x);
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

}  // namespace cnncore
