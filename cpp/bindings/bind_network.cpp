// Networks. While they compute, the GIL is released.
#include <algorithm>
#include <cmath>

#include "array.h"

namespace cnncore {
namespace {

// Returns the images of x, an array (samples, *input_shape) of uint8 or float32. The array must exist as long as the
// result is used.
Images to_images(const char* op, const py::array& x, const Shape& sample) {
  const auto rank = static_cast<py::ssize_t>(sample.size()) + 1;
  if (x.ndim() != rank || !std::equal(sample.begin(), sample.end(), x.shape() + 1))
    check_shape(op, "x", x, batched(x.ndim() ? x.shape(0) : 0, sample));
  check(x.flags() & py::array::c_style, op, "expected x to be C-contiguous. Received: an array in another order");
  check(x.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_, op,
        "expected x to be aligned in memory. Received: an array that is not");
  if (py::isinstance<py::array_t<uint8_t>>(x)) return {static_cast<const uint8_t*>(x.data()), nullptr, x.shape(0)};
  if (py::isinstance<py::array_t<float>>(x)) return {nullptr, static_cast<const float*>(x.data()), x.shape(0)};
  throw py::type_error(std::string(op) +
                       "expected x of dtype uint8 or float32. Received: " + std::string(py::str(x.dtype())));
}

// Returns the arrays of a list or tuple. Anything else is a TypeError.
std::vector<py::array> to_arrays(const char* op, const py::object& x) {
  std::vector<py::array> arrays;
  if (py::isinstance<py::list>(x) || py::isinstance<py::tuple>(x)) {
    arrays.reserve(py::len(x));
    for (const py::handle item : x) {
      if (!py::isinstance<py::array>(item))
        throw py::type_error(std::string(op) + "expected a list of arrays. Received: a list with a " + type_name(item));
      arrays.push_back(py::reinterpret_borrow<py::array>(item));
    }
    return arrays;
  }
  throw py::type_error(std::string(op) + "expected a list of arrays. Received: a " + type_name(x));
}

std::vector<Images> to_inputs(const char* op, const Network& net, const std::vector<py::array>& x) {
  check(x.size() == net.input_count(), op, "expected ", net.input_count(), " inputs. Received: ", x.size());
  std::vector<Images> inputs;
  inputs.reserve(x.size());
  for (size_t i = 0; i < x.size(); ++i) inputs.push_back(to_images(op, x[i], net.input_shape(i)));
  return inputs;
}

// An array for values of an output.
Array output_array(const Network& net, size_t output, int64_t samples) {
  return empty(batched(samples, net.output_shape(output)));
}

// The output of a network with one input and one output, in the shortest time.
Array forward_array(Network& net, const py::object& array) {
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

using Indices = py::array_t<int64_t, py::array::c_style>;

// Makes a loss that calls a Python function with a whole batch.
BatchLoss python_loss(const py::object& function, const py::object& y, const py::object& sample_weight,
                      const std::optional<Indices>& indices, const Shape& output) {
  return [function, y, sample_weight, indices, output](int64_t size, const float* y_pred, float* dy_pred) {
    const py::gil_scoped_acquire gil;
    const auto of_batch = [&](const py::object& all) -> py::object {
      if (all.is_none()) return all;
      return indices ? py::object(all[*indices]) : py::object(all[py::slice(0, size, 1)]);
    };
    Array predictions = empty(batched(size, output));
    std::copy_n(y_pred, predictions.size(), predictions.mutable_data());
    const py::object result = function(of_batch(y), predictions, of_batch(sample_weight));
    if (!py::isinstance<py::tuple>(result) || py::len(result) != 2)  // the text is made only if it is needed
      throw std::invalid_argument("[train_step] expected a loss function to return (loss, gradient). Received: " +
                                  std::string(py::str(py::type::of(result))));
    const py::tuple pair = result;
    const auto gradient = py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(pair[1]);
    if (!gradient) throw py::error_already_set();
    check(gradient.size() == predictions.size(), "[train_step] expected a gradient of shape ", shape_of(predictions),
          " from a loss function. Received: ", shape_of(gradient));
    std::copy_n(gradient.data(), gradient.size(), dy_pred);
    return py::float_(pair[0]).cast<double>();
  };
}

float* output_memory(const py::object& outputs, size_t o, int64_t size, const Shape& sample) {
  constexpr const char* op = "[train_step] ";
  if (outputs.is_none()) return nullptr;
  if (!py::isinstance<py::sequence>(outputs) || o >= py::len(outputs))  // the text is made only if it is needed
    throw std::invalid_argument(std::string(op) + "expected a list of an array or None for each output. Received: " +
                                std::string(py::repr(outputs)));
  const py::object item = outputs[py::int_(o)];
  if (item.is_none()) return nullptr;
  const Array array = float32(op, "outputs", item.cast<py::array>());
  const Shape expected = batched(size, sample), received = shape_of(array);
  check(received.size() == expected.size() && received[0] >= size &&
            std::equal(expected.begin() + 1, expected.end(), received.begin() + 1),
        op, "expected outputs of shape ", expected, ". Received: ", received);
  return writable(op, "outputs", array);
}

OutputLoss output_loss(const Shape& output, int64_t samples, const py::object& loss, const py::object& y,
                       const py::object& weight, float loss_weight, const std::optional<Indices>& indices) {
  constexpr const char* op = "[train_step] ";
  OutputLoss wanted;
  wanted.weight = loss_weight;
  if (loss.is_none()) return wanted;
  if (!py::isinstance<LossSpec>(loss)) {
    wanted.batch_loss = python_loss(loss, y, weight, indices, output);
    return wanted;
  }
  wanted.loss = loss.cast<LossSpec>();
  wanted.y = to_targets(op, y.cast<py::array>(), samples, output);
  if (!weight.is_none()) {
    const py::array array = weight.cast<py::array>();
    wanted.row_weights = array.ndim() > 1;
    Shape rows = batched(samples, output);
    rows.pop_back();
    check_shape(op, "sample_weight", array, wanted.row_weights ? rows : Shape{samples});
    wanted.sample_weight = float32(op, "sample_weight", array).data();
  }
  return wanted;
}

template <class T>
T item_of(const std::optional<std::vector<T>>& list, size_t index, const T& fallback, const char* name,
          size_t expected) {
  if (!list) return fallback;
  check(list->size() == expected, "[train_step] expected ", expected, " ", name,
        ", one for each output. Received: ", list->size());
  return (*list)[index];
}

using Objects = std::optional<std::vector<py::object>>;

TrainBatch to_batch(const Network& net, const std::vector<py::array>& x, const Objects& y, const Objects& losses,
                    const std::optional<std::vector<float>>& loss_weights, const Objects& sample_weight,
                    const std::optional<Indices>& indices) {
  constexpr const char* op = "[train_step] ";
  TrainBatch batch;
  batch.x = to_inputs(op, net, x);
  const int64_t samples = batch.size = batch.x.front().samples;
  if (indices) {
    check_rank(op, "indices", *indices, 1);
    batch.indices = indices->data();
    batch.size = indices->size();
  }
  const size_t count = net.output_count();
  for (size_t o = 0; o < count; ++o) {
    batch.y.push_back(output_loss(net.output_shape(o), samples,
                                  item_of<py::object>(losses, o, py::none(), "losses", count),
                                  item_of<py::object>(y, o, py::none(), "targets", count),
                                  item_of<py::object>(sample_weight, o, py::none(), "sample weights", count),
                                  item_of(loss_weights, o, 1.0f, "loss weights", count), indices));
  }
  return batch;
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
      .def("forward_array", forward_array, py::arg("x"))
      .def("forward", forward, py::arg("x"), py::arg("training") = false, py::arg("call") = py::none())
      .def("train_step", train_step, py::arg("x"), py::arg("y") = py::none(), py::arg("losses") = py::none(),
           py::arg("loss_weights") = py::none(), py::arg("sample_weight") = py::none(),
           py::arg("indices").noconvert() = py::none(), py::arg("optimizer") = nullptr, py::arg("outputs") = py::none(),
           py::arg("keep_state") = false)
      .def("curvature_product", curvature_product, py::arg("kind"), py::arg("x"), py::arg("y") = py::none(),
           py::arg("losses") = py::none(), py::arg("loss_weights") = py::none(), py::arg("sample_weight") = py::none(),
           py::arg("indices").noconvert() = py::none(), py::kw_only(), py::arg("v"), py::arg("out"))
      .def("describe", &Network::describe, py::call_guard<py::gil_scoped_release>());
  bind_shapes(network);
  bind_flat_vectors(network);
}

}  // namespace cnncore
