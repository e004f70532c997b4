// The optimizers' update rules.
#include "array.h"

namespace cnncore {

void bind_optimizers(py::module_& m) {
  py::class_<Optimizer>(m, "Optimizer")
      .def_readwrite("learning_rate", &Optimizer::learning_rate)
      .def_readwrite("step", &Optimizer::step)
      .def_property_readonly("state", [](const py::object& self) {
        py::dict state;
        for (auto& [name, values] : self.cast<Optimizer&>().state())
          state[py::str(name)] = view(values->data(), static_cast<int64_t>(values->size()), self);
        return state;
      });
  py::class_<Sgd, Optimizer>(m, "Sgd").def(py::init<int64_t, float, bool>(), py::arg("size"),
                                           py::arg("momentum") = 0.0f, py::arg("nesterov") = false);
  py::class_<Adam, Optimizer>(m, "Adam").def(py::init<int64_t, float, float, float, float>(), py::arg("size"),
                                             py::arg("beta_1") = 0.9f, py::arg("beta_2") = 0.999f,
                                             py::arg("epsilon") = 1e-7f, py::arg("weight_decay") = 0.0f);
}

}  // namespace cnncore
