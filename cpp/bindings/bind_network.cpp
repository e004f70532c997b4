// Networks. While they compute, the GIL is released.
#include <cmath>

#include "array.h"
#include "network_data.h"

namespace cnncore {
namespace {

// An array for values of an output.
Array output_array(const Network& net, size_t output, int64_t samples) {
  return empty(batched(samples, net.output_shape(output)));
}

// The output of a network with one input and one output.
Array forward_array(Network& net, const py::handle& array) {
  constexpr const char* op = "[forward] ";
  if (!py::isinstance<py::array>(array))
    throw py::type_error(std::string(op) + "expected an array. Received: a " + type_name(array));
  const py::array x = py::reinterpret_borrow<py::array>(array);
  check(net.input_count() == 1 && net.output_count() == 1, op, "expected a list of ", net.input_count(),
        " arrays for a network with ", net.output_count(), " outputs. Received: an array");
  const Images images = to_images(op, x, net.input_shape(0));
  check(images.samples > 0, op, "expected at least one sample. Received: none");
  Array y = output_array(net, 0, images.samples);
  float* values = y.mutable_data();
  const py::gil_scoped_release release;
  net.forward(images, values);
  return y;
}

// Adds Network.forward_array as a method that CPython calls directly. pybind11 would first look for the function and
// convert its arguments, which takes as long as a quarter of the smallest networks.
void bind_forward_array(py::class_<Network>& network) {
  const PyCFunction call = [](PyObject* self, PyObject* x) -> PyObject* {
    try {
      return forward_array(py::handle(self).cast<Network&>(), x).release().ptr();
#ifdef __GLIBCXX__
    } catch (abi::__forced_unwind&) {  // the thread is being ended
      throw;
#endif
    } catch (...) {
      py::detail::try_translate_exceptions();
      return nullptr;
    }
  };
  static PyMethodDef method{"forward_array", call, METH_O, "forward_array(self, x: numpy.ndarray) -> numpy.ndarray"};
  auto* type = reinterpret_cast<PyTypeObject*>(network.ptr());
  network.attr("forward_array") = py::reinterpret_steal<py::object>(PyDescr_NewMethod(type, &method));
}

py::list forward(Network& net, const py::object& x, bool training, std::optional<int64_t> call) {
  const std::vector<py::array> arrays = to_arrays("[forward] ", x);
  const std::vector<Images> inputs = to_inputs("[forward] ", net, arrays);
  const int64_t samples = inputs.empty() ? 0 : inputs.front().samples;
  py::list results(net.output_count());
  std::vector<float*> y(net.output_count());
  for (size_t o = 0; o < y.size(); ++o) {
    Array result = output_array(net, o, samples);
    y[o] = result.mutable_data();
    PyList_SET_ITEM(results.ptr(), static_cast<py::ssize_t>(o), result.release().ptr());
  }
  {
    const py::gil_scoped_release release;
    training ? net.forward_training(inputs, y, call.value_or(net.step)) : net.forward(inputs, y);
  }
  return results;
}

py::list train_step(Network& net, const py::object& inputs, const Objects& y, const Objects& losses,
                    const std::optional<std::vector<float>>& loss_weights, const Objects& sample_weight,
                    const std::optional<Indices>& indices, Optimizer* optimizer, const py::object& outputs,
                    bool keep_state) {
  const std::vector<py::array> x = to_arrays("[train_step] ", inputs);
  TrainBatch batch = to_batch(net, x, y, losses, loss_weights, sample_weight, indices);
  for (size_t o = 0; o < net.output_count(); ++o)
    batch.outputs.push_back(output_memory(outputs, o, batch.size, net.output_shape(o)));
  StepResult result;
  {
    const py::gil_scoped_release release;
    result = net.train_step(batch, optimizer, keep_state);
  }
  py::list values;
  values.append(result.finite ? result.total : std::nan(""));
  for (const double loss : result.outputs) values.append(loss);
  return values;
}

void curvature_product(Network& net, const std::string& kind, const std::vector<py::array>& x, const Objects& y,
                       const Objects& losses, const std::optional<std::vector<float>>& loss_weights,
                       const Objects& sample_weight, const std::optional<Indices>& indices, const py::array& v,
                       const py::array& out) {
  constexpr const char* op = "[curvature_product] ";
  const CurvatureKind parsed = parse_curvature(kind);
  const TrainBatch batch = to_batch(net, x, y, losses, loss_weights, sample_weight, indices);
  check_shape(op, "v", v, {net.parameter_count()});
  check_shape(op, "out", out, {net.parameter_count()});
  const float* direction = float32(op, "v", v).data();
  float* product = writable(op, "out", float32(op, "out", out));
  const py::gil_scoped_release release;
  net.curvature_product(parsed, batch, direction, product);
}

bool interrupted() {
  const py::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

void bind_interrupts() {
  set_interrupt_check(interrupted);
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Interrupted&) {
      if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
    }
  });
}

void bind_slot(py::module_& m) {
  py::class_<ParameterSlot>(m, "Slot")
      .def_readonly("layer", &ParameterSlot::layer)
      .def_readonly("index", &ParameterSlot::index)
      .def_readonly("name", &ParameterSlot::name)
      .def_property_readonly("shape", [](const ParameterSlot& s) { return to_tuple(s.shape); })
      .def_readonly("offset", &ParameterSlot::offset)
      .def_readonly("trainable", &ParameterSlot::trainable);
}

void bind_shapes(py::class_<Network>& network) {
  network
      .def_property_readonly("input_shapes",
                             [](const Network& n) {
                               py::list shapes;
                               for (size_t i = 0; i < n.input_count(); ++i) shapes.append(to_tuple(n.input_shape(i)));
                               return shapes;
                             })
      .def_property_readonly("output_shapes", [](const Network& n) {
        py::list shapes;
        for (size_t i = 0; i < n.output_count(); ++i) shapes.append(to_tuple(n.output_shape(i)));
        return shapes;
      });
}

void bind_flat_vectors(py::class_<Network>& network) {
  network.def_property_readonly("parameter_count", &Network::parameter_count)
      .def("get_parameters",
           [](const Network& n) {
             Array values = empty({n.parameter_count()});
             float* to = values.mutable_data();
             const py::gil_scoped_release release;
             n.get_parameters(to);
             return values;
           })
      .def(
          "set_parameters",
          [](Network& n, const Array& values) {
            check_shape("[set_parameters] ", "values", values, {n.parameter_count()});
            const py::gil_scoped_release release;
            n.set_parameters(values.data());
          },
          py::arg("values"))
      .def_property_readonly("gradients", [](const py::object& self) {
        Network& n = self.cast<Network&>();
        return view(n.gradients(), n.parameter_count(), self);
      });
}

}  // namespace

void bind_network(py::module_& m) {
  bind_interrupts();
  bind_slot(m);
  py::class_<Network> network(m, "Network");
  network
      .def(py::init<Graph, std::vector<int>, std::map<std::string, std::shared_ptr<Parameters>>>(), py::arg("graph"),
           py::arg("outputs"), py::arg("parameters") = std::map<std::string, std::shared_ptr<Parameters>>{},
           py::call_guard<py::gil_scoped_release>())  // it may wait for a call of another network
      .def_property_readonly("slots", &Network::slots)
      .def("parameters", &Network::parameters, py::arg("layer"))
      .def_readwrite("step", &Network::step)
      .def_property(
          "precision", [](const Network& n) { return to_string(n.precision()); },
          [](Network& n, const std::string& name) {
            const Precision precision = parse_precision(name);
            const py::gil_scoped_release release;
            n.set_precision(precision);
          })
      .def("set_regularizer", &Network::set_regularizer, py::arg("slot"), py::arg("l1"), py::arg("l2"),
           py::call_guard<py::gil_scoped_release>())
      .def("forward", forward, py::arg("x"), py::arg("training") = false, py::arg("call") = py::none())
      .def("train_step", train_step, py::arg("x"), py::arg("y") = py::none(), py::arg("losses") = py::none(),
           py::arg("loss_weights") = py::none(), py::arg("sample_weight") = py::none(),
           py::arg("indices").noconvert() = py::none(), py::arg("optimizer") = nullptr, py::arg("outputs") = py::none(),
           py::arg("keep_state") = false)
      .def("curvature_product", curvature_product, py::arg("kind"), py::arg("x"), py::arg("y") = py::none(),
           py::arg("losses") = py::none(), py::arg("loss_weights") = py::none(), py::arg("sample_weight") = py::none(),
           py::arg("indices").noconvert() = py::none(), py::kw_only(), py::arg("v"), py::arg("out"))
      .def("describe", &Network::describe, py::call_guard<py::gil_scoped_release>());
  bind_forward_array(network);
  bind_shapes(network);
  bind_flat_vectors(network);
}

}  // namespace cnncore
