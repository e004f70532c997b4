// The classes of optimizers.
#include "array.h"

namespace cnncore {
namespace {

using Variable = std::tuple<std::string, int64_t, Shape, bool>;  // name, offset, shape, decays

void set_variables(Optimizer& optimizer, const std::vector<Variable>& variables) {
  std::vector<VariableRange> ranges;
  for (const auto& [name, offset, shape, decays] : variables)
    ranges.push_back({name, offset, element_count(shape), shape, decays});
  optimizer.set_variables(std::move(ranges));
}

void set_options(Optimizer& optimizer, double weight_decay, float clipnorm, float global_clipnorm, float clipvalue,
                 int64_t gradient_accumulation_steps, bool use_ema, double ema_momentum,
                 int64_t ema_overwrite_frequency) {
  optimizer.set_options({.weight_decay = weight_decay,
                         .clipnorm = clipnorm,
                         .global_clipnorm = global_clipnorm,
                         .clipvalue = clipvalue,
                         .gradient_accumulation_steps = gradient_accumulation_steps,
                         .use_ema = use_ema,
                         .ema_momentum = ema_momentum,
                         .ema_overwrite_frequency = ema_overwrite_frequency});
}

bool apply(Optimizer& optimizer, const py::array& params, const py::array& grads) {
  constexpr const char* op = "[optimizer] ";
  check_shape(op, "params", params, {optimizer.size()});
  check_shape(op, "grads", grads, {optimizer.size()});
  const Array to = float32(op, "params", params), from = float32(op, "grads", grads);
  const UpdateRange range{0, optimizer.size(), writable(op, "params", to), from.data()};
  py::gil_scoped_release release;
  return optimizer.apply({&range, 1});
}

void bind_base(py::module_& m) {
  py::class_<Optimizer>(m, "Optimizer")
      .def_readwrite("learning_rate", &Optimizer::learning_rate)
      .def_readwrite("step", &Optimizer::step)
      .def_property_readonly("size", &Optimizer::size)
      .def_property_readonly("updates", &Optimizer::updates)
      .def_property_readonly("finite", &Optimizer::finite)
      .def("set_variables", set_variables, py::arg("variables"))
      .def("set_options", set_options, py::kw_only(), py::arg("weight_decay") = 0.0, py::arg("clipnorm") = 0.0f,
           py::arg("global_clipnorm") = 0.0f, py::arg("clipvalue") = 0.0f, py::arg("gradient_accumulation_steps") = 0,
           py::arg("use_ema") = false, py::arg("ema_momentum") = 0.99, py::arg("ema_overwrite_frequency") = 0)
      .def("apply", apply, py::arg("params"), py::arg("grads"))
      .def_property_readonly("state", [](const py::object& self) {
        py::dict state;
        for (auto& [name, values] : self.cast<Optimizer&>().state())
          state[py::str(name)] = view(values->data(), static_cast<int64_t>(values->size()), self);
        return state;
      });
}

void bind_muon(py::module_& m) {
  py::class_<Muon, Optimizer>(m, "Muon")
      .def(py::init([](int64_t size, double adam_beta_1, double adam_beta_2, float epsilon, double adam_weight_decay,
                       std::array<float, 3> coefficients, float adam_lr_ratio, float momentum, int ns_steps,
                       bool nesterov, float rms_rate) {
             return std::make_unique<Muon>(size, MuonParams{.adam_beta_1 = adam_beta_1,
                                                            .adam_beta_2 = adam_beta_2,
                                                            .epsilon = epsilon,
                                                            .adam_weight_decay = adam_weight_decay,
                                                            .a = coefficients[0],
                                                            .b = coefficients[1],
                                                            .c = coefficients[2],
                                                            .adam_lr_ratio = adam_lr_ratio,
                                                            .momentum = momentum,
                                                            .ns_steps = ns_steps,
                                                            .nesterov = nesterov,
                                                            .rms_rate = rms_rate});
           }),
           py::arg("size"), py::arg("adam_beta_1"), py::arg("adam_beta_2"), py::arg("epsilon"),
           py::arg("adam_weight_decay"), py::arg("coefficients"), py::arg("adam_lr_ratio"), py::arg("momentum"),
           py::arg("ns_steps"), py::arg("nesterov"), py::arg("rms_rate"))
      .def("set_matrices", &Muon::set_matrices, py::arg("matrices"));
}

}  // namespace

void bind_optimizers(py::module_& m) {
  bind_base(m);
  bind_muon(m);
  const auto size = py::arg("size");
  py::class_<Sgd, Optimizer>(m, "Sgd").def(py::init<int64_t, float, bool>(), size, py::arg("momentum") = 0.0f,
                                           py::arg("nesterov") = false);
  py::class_<Adam, Optimizer>(m, "Adam").def(py::init<int64_t, double, double, float, bool>(), size,
                                             py::arg("beta_1") = 0.9, py::arg("beta_2") = 0.999,
                                             py::arg("epsilon") = 1e-7f, py::arg("amsgrad") = false);
  py::class_<Nadam, Optimizer>(m, "Nadam")
      .def(py::init<int64_t, double, double, float>(), size, py::arg("beta_1") = 0.9, py::arg("beta_2") = 0.999,
           py::arg("epsilon") = 1e-7f);
  py::class_<Adamax, Optimizer>(m, "Adamax")
      .def(py::init<int64_t, double, double, float>(), size, py::arg("beta_1") = 0.9, py::arg("beta_2") = 0.999,
           py::arg("epsilon") = 1e-7f);
  py::class_<Rmsprop, Optimizer>(m, "Rmsprop")
      .def(py::init<int64_t, double, float, float, bool>(), size, py::arg("rho") = 0.9, py::arg("momentum") = 0.0f,
           py::arg("epsilon") = 1e-7f, py::arg("centered") = false);
  py::class_<Adagrad, Optimizer>(m, "Adagrad")
      .def(py::init<int64_t, float, float>(), size, py::arg("initial_accumulator_value") = 0.1f,
           py::arg("epsilon") = 1e-7f);
  py::class_<Adadelta, Optimizer>(m, "Adadelta")
      .def(py::init<int64_t, double, float>(), size, py::arg("rho") = 0.95, py::arg("epsilon") = 1e-7f);
  py::class_<Lion, Optimizer>(m, "Lion").def(py::init<int64_t, double, double>(), size, py::arg("beta_1") = 0.9,
                                             py::arg("beta_2") = 0.99);
  py::class_<Ftrl, Optimizer>(m, "Ftrl").def(
      py::init([](int64_t n, float power, float initial, float l1, float l2, float shrinkage, float beta) {
        return std::make_unique<Ftrl>(n, FtrlParams{power, initial, l1, l2, shrinkage, beta});
      }),
      size, py::arg("learning_rate_power") = -0.5f, py::arg("initial_accumulator_value") = 0.1f, py::arg("l1") = 0.0f,
      py::arg("l2") = 0.0f, py::arg("l2_shrinkage") = 0.0f, py::arg("beta") = 0.0f);
}

}  // namespace cnncore
