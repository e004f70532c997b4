// Functions of arrays that have no state: two losses, the steps of two optimizers, and inverses of matrices. bind_ops()
// also adds those of the other files.
#include <algorithm>
#include <optional>

#include "array.h"

namespace cnncore {
namespace {

void bind_losses(py::module_& m) {
  m.def(
      "softmax_cross_entropy",
      [](const Array& logits, const py::array& labels) {
        check_rank("[softmax_cross_entropy] ", "logits (batch, classes)", logits, 2);
        check(logits.size() > 0, "[softmax_cross_entropy] expected at least one sample and class. Received: shape ",
              shape_of(logits));
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
              shape_of(y_pred));
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
        check(velocity || momentum == 0.0f, "[sgd] expected a velocity, since momentum is not 0. Received: None");
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
        adam_update({.step = step,
                     .learning_rate = learning_rate,
                     .beta_1 = beta_1,
                     .beta_2 = beta_2,
                     .epsilon = epsilon,
                     .weight_decay = weight_decay},
                    {.size = params.size(),
                     .params = writable("[adam] ", "params", params),
                     .grads = grads.data(),
                     .m = writable("[adam] ", "m", moment_1),
                     .v = writable("[adam] ", "v", moment_2)});
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
        check(matrix.shape(1) == size, "[spd_inverse] expected a square matrix. Received: ", shape_of(matrix));
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
