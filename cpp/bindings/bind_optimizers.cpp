// The class Optimizer. One constructor makes every kind of optimizer from its name and its attributes, as ops are made.
#include "array.h"
#include "attributes.h"
#include "graph/attribute_reader.h"

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

// These make an optimizer for `size` parameters from its attributes.
using Made = std::unique_ptr<Optimizer>;

float real(AttributeReader& a, const char* name, double fallback) { return static_cast<float>(a.real(name, fallback)); }

Made make_sgd(int64_t size, AttributeReader& a) {
  return std::make_unique<Sgd>(size, real(a, "momentum", 0.0), a.boolean("nesterov", false));
}

Made make_adam(int64_t size, AttributeReader& a) {
  return std::make_unique<Adam>(size, a.real("beta_1", 0.9), a.real("beta_2", 0.999), real(a, "epsilon", 1e-7),
                                a.boolean("amsgrad", false));
}

Made make_nadam(int64_t size, AttributeReader& a) {
  return std::make_unique<Nadam>(size, a.real("beta_1", 0.9), a.real("beta_2", 0.999), real(a, "epsilon", 1e-7));
}

Made make_adamax(int64_t size, AttributeReader& a) {
  return std::make_unique<Adamax>(size, a.real("beta_1", 0.9), a.real("beta_2", 0.999), real(a, "epsilon", 1e-7));
}

Made make_rmsprop(int64_t size, AttributeReader& a) {
  return std::make_unique<Rmsprop>(size, a.real("rho", 0.9), real(a, "momentum", 0.0), real(a, "epsilon", 1e-7),
                                   a.boolean("centered", false));
}

Made make_adagrad(int64_t size, AttributeReader& a) {
  return std::make_unique<Adagrad>(size, real(a, "initial_accumulator_value", 0.1), real(a, "epsilon", 1e-7));
}

Made make_adadelta(int64_t size, AttributeReader& a) {
  return std::make_unique<Adadelta>(size, a.real("rho", 0.95), real(a, "epsilon", 1e-7));
}

Made make_lion(int64_t size, AttributeReader& a) {
  return std::make_unique<Lion>(size, a.real("beta_1", 0.9), a.real("beta_2", 0.99));
}

Made make_ftrl(int64_t size, AttributeReader& a) {
  const FtrlParams usual;
  return std::make_unique<Ftrl>(
      size,
      FtrlParams{.learning_rate_power = real(a, "learning_rate_power", usual.learning_rate_power),
                 .initial_accumulator_value = real(a, "initial_accumulator_value", usual.initial_accumulator_value),
                 .l1 = real(a, "l1", usual.l1),
                 .l2 = real(a, "l2", usual.l2),
                 .l2_shrinkage = real(a, "l2_shrinkage", usual.l2_shrinkage),
                 .beta = real(a, "beta", usual.beta)});
}

Made make_muon(int64_t size, AttributeReader& a) {
  const MuonParams usual;
  const int64_t ns_steps = a.integer("ns_steps", usual.ns_steps);
  check(ns_steps <= INT32_MAX, a.op(), "expected ns_steps < 2**31. Received: ", ns_steps);
  return std::make_unique<Muon>(size,
                                MuonParams{.adam_beta_1 = a.real("adam_beta_1", usual.adam_beta_1),
                                           .adam_beta_2 = a.real("adam_beta_2", usual.adam_beta_2),
                                           .epsilon = real(a, "epsilon", usual.epsilon),
                                           .adam_weight_decay = a.real("adam_weight_decay", usual.adam_weight_decay),
                                           .a = real(a, "a", usual.a),
                                           .b = real(a, "b", usual.b),
                                           .c = real(a, "c", usual.c),
                                           .adam_lr_ratio = real(a, "adam_lr_ratio", usual.adam_lr_ratio),
                                           .momentum = real(a, "momentum", usual.momentum),
                                           .ns_steps = static_cast<int>(ns_steps),
                                           .nesterov = a.boolean("nesterov", usual.nesterov),
                                           .rms_rate = real(a, "rms_rate", usual.rms_rate)});
}

struct OptimizerKind {
  const char* name;
  Made (*make)(int64_t size, AttributeReader& attributes);
};
constexpr OptimizerKind kOptimizers[] = {
    {"sgd", make_sgd},         {"adam", make_adam},        {"nadam", make_nadam}, {"adamax", make_adamax},
    {"rmsprop", make_rmsprop}, {"adagrad", make_adagrad},  {"lion", make_lion},   {"ftrl", make_ftrl},
    {"muon", make_muon},       {"adadelta", make_adadelta}};

Made make_optimizer(const std::string& kind, int64_t size, const py::kwargs& keywords) {
  const std::string op = "[" + kind + "] ";
  for (const OptimizerKind& known : kOptimizers) {
    if (kind != known.name) continue;
    const Attributes attributes = to_attributes(op.c_str(), keywords);
    AttributeReader reader(op, attributes);
    Made made = known.make(size, reader);
    reader.finish();
    return made;
  }
  std::string names;
  for (const OptimizerKind& known : kOptimizers) names += (names.empty() ? "" : ", ") + std::string(known.name);
  fail("[optimizer] expected one of ", names, ". Received: '", kind, "'");
}

void set_matrices(Optimizer& optimizer, const std::vector<std::array<int64_t, 2>>& matrices) {
  auto* muon = dynamic_cast<Muon*>(&optimizer);
  check(muon, "[optimizer] expected an optimizer of the kind muon. Received: one of another kind");
  muon->set_matrices(matrices);
}

}  // namespace

void bind_optimizers(py::module_& m) {
  py::class_<Optimizer>(m, "Optimizer")
      .def(py::init(&make_optimizer), py::arg("kind"), py::arg("size"))
      .def_readwrite("learning_rate", &Optimizer::learning_rate)
      .def_readwrite("step", &Optimizer::step)
      .def_property_readonly("size", &Optimizer::size)
      .def_property_readonly("updates", &Optimizer::updates)
      .def_property_readonly("finite", &Optimizer::finite)
      .def("set_variables", set_variables, py::arg("variables"))
      .def("set_options", set_options, py::kw_only(), py::arg("weight_decay") = 0.0, py::arg("clipnorm") = 0.0f,
           py::arg("global_clipnorm") = 0.0f, py::arg("clipvalue") = 0.0f, py::arg("gradient_accumulation_steps") = 0,
           py::arg("use_ema") = false, py::arg("ema_momentum") = 0.99, py::arg("ema_overwrite_frequency") = 0)
      .def("set_matrices", set_matrices, py::arg("matrices"))
      .def("apply", apply, py::arg("params"), py::arg("grads"))
      .def_property_readonly("state", [](const py::object& self) {
        py::dict state;
        for (auto& [name, values] : self.cast<Optimizer&>().state())
          state[py::str(name)] = view(values->data(), static_cast<int64_t>(values->size()), self);
        return state;
      });
}

}  // namespace cnncore
