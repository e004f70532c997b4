// Graph and Network.
#include <algorithm>
#include <optional>

#include "array.h"

namespace cnncore {
namespace {

std::optional<Precision> to_precision(const std::optional<std::string>& name) {
  return name ? std::optional(parse_precision(*name)) : std::nullopt;
}

void bind_graph(py::module_& m) {
  py::class_<Graph>(m, "GraphBuilder")
      .def(py::init<>())
      .def("input", &Graph::input, py::arg("shape"))
      .def("rescaling", &Graph::rescaling, py::arg("x"), py::arg("scale"), py::arg("offset"), py::arg("name"))
      .def(
          "conv2d",
          [](Graph& g, int x, int64_t filters, Pair kernel_size, Pair strides, const PaddingPairs& padding,
             Pair dilation, int64_t groups, bool use_bias, const std::string& activation, const std::string& name,
             const std::optional<std::string>& precision) {
            Conv2dParams p;
            p.filters = filters;
            p.kernel_height = kernel_size.first, p.kernel_width = kernel_size.second;
            p.stride_height = strides.first, p.stride_width = strides.second;
            p.dilation_height = dilation.first, p.dilation_width = dilation.second;
            p.groups = groups;
            p.padding = to_padding(padding);
            return g.conv2d(x, p, use_bias, parse_activation(activation), name, to_precision(precision));
          },
          py::arg("x"), py::arg("filters"), py::arg("kernel_size"), py::arg("strides"), py::arg("padding"),
          py::arg("dilation_rate"), py::arg("groups"), py::arg("use_bias"), py::arg("activation"), py::arg("name"),
          py::arg("precision") = py::none())
      .def(
          "max_pool2d",
          [](Graph& g, int x, Pair size, Pair strides, const PaddingPairs& padding, const std::string& name) {
            return g.max_pool2d(
                x, {0, 0, 0, size.first, size.second, strides.first, strides.second, to_padding(padding)}, name);
          },
          py::arg("x"), py::arg("pool_size"), py::arg("strides"), py::arg("padding"), py::arg("name"))
      .def(
          "avg_pool2d",
          [](Graph& g, int x, Pair size, Pair strides, const PaddingPairs& padding, const std::string& name) {
            return g.avg_pool2d(
                x, {0, 0, 0, size.first, size.second, strides.first, strides.second, to_padding(padding)}, name);
          },
          py::arg("x"), py::arg("pool_size"), py::arg("strides"), py::arg("padding"), py::arg("name"))
      .def("flatten", &Graph::flatten, py::arg("x"), py::arg("name"))
      .def(
          "dense",
          [](Graph& g, int x, int64_t units, bool use_bias, const std::string& activation, const std::string& name,
             const std::optional<std::string>& precision) {
            return g.dense(x, units, use_bias, parse_activation(activation), name, to_precision(precision));
          },
          py::arg("x"), py::arg("units"), py::arg("use_bias"), py::arg("activation"), py::arg("name"),
          py::arg("precision") = py::none())
      .def(
          "activation",
          [](Graph& g, int x, const std::string& kind, const std::string& name) {
            return g.activation(x, parse_activation(kind), name);
          },
          py::arg("x"), py::arg("kind"), py::arg("name"))
      .def("dropout", &Graph::dropout, py::arg("x"), py::arg("rate"), py::arg("seed"), py::arg("name"))
      .def("output_shape", [](const Graph& g, int tensor) { return to_tuple(g.shape(tensor)); }, py::arg("tensor"));
}

// x (samples, *input_shape), uint8 or float32, C-contiguous. The array must outlive the result.
Images to_images(const char* op, const py::array& x, const Shape& sample) {
  const auto rank = static_cast<py::ssize_t>(sample.size()) + 1;
  if (x.ndim() != rank || !std::equal(sample.begin(), sample.end(), x.shape() + 1)) {
    Shape expected{x.ndim() ? x.shape(0) : 0};
    expected.insert(expected.end(), sample.begin(), sample.end());
    check_shape(op, "x", x, expected);
  }
  check(x.flags() & py::array::c_style, op, "expected a C-contiguous x");
  check(x.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_, op, "expected an aligned x");
  if (py::isinstance<py::array_t<uint8_t>>(x)) return {static_cast<const uint8_t*>(x.data()), nullptr, x.shape(0)};
  if (py::isinstance<py::array_t<float>>(x)) return {nullptr, static_cast<const float*>(x.data()), x.shape(0)};
  throw py::type_error(std::string(op) +
                       "expected x of dtype uint8 or float32. Received: " + std::string(py::str(x.dtype())));
}

using Indices = py::array_t<int64_t, py::array::c_style>;

// A name, or a Loss, whose own parameters hold.
LossSpec to_loss(const py::object& loss, bool from_logits) {
  if (py::isinstance<py::str>(loss)) return {.kind = parse_loss(loss.cast<std::string>()), .from_logits = from_logits};
  return loss.cast<LossSpec>();
}

double train_step(Network& net, const py::array& x, const py::array& y, const std::optional<Indices>& indices,
                  const py::object& loss, bool from_logits, Optimizer* optimizer,
                  const std::optional<py::array>& sample_weight, const std::optional<py::array>& outputs) {
  constexpr const char* op = "[train_step] ";
  TrainBatch batch;
  batch.x = to_images(op, x, net.input_shape());
  batch.y = to_targets(op, y, batch.x.samples, net.output_shape());
  batch.size = batch.x.samples;
  if (indices) {
    check_rank(op, "indices", *indices, 1);
    batch.indices = indices->data();
    batch.size = indices->size();
  }
  if (sample_weight) {
    check_shape(op, "sample_weight", *sample_weight, {batch.x.samples});
    batch.sample_weight = float32(op, "sample_weight", *sample_weight).data();
  }
  float* out = nullptr;
  if (outputs) {
    const Array array = float32(op, "outputs", *outputs);
    Shape expected{batch.size};
    expected.insert(expected.end(), net.output_shape().begin(), net.output_shape().end());
    const Shape received = shape_of(array);
    check(received.size() == expected.size() && received[0] >= batch.size &&
              std::equal(expected.begin() + 1, expected.end(), received.begin() + 1),
          op, "expected outputs of shape ", to_string(expected), ". Received: ", to_string(received));
    out = writable(op, "outputs", array);
  }
  const LossSpec spec = to_loss(loss, from_logits);
  py::gil_scoped_release release;
  return net.train_step(batch, spec, optimizer, out);
}

void bind_network_class(py::module_& m) {
  py::class_<ParameterSlot>(m, "ParameterSlot")
      .def_readonly("name", &ParameterSlot::name)
      .def_property_readonly("shape", [](const ParameterSlot& s) { return to_tuple(s.shape); })
      .def_readonly("offset", &ParameterSlot::offset);
  py::class_<Network>(m, "Network")
      .def(py::init<Graph, int>(), py::arg("graph"), py::arg("output"))
      .def_property_readonly("input_shape", [](const Network& n) { return to_tuple(n.input_shape()); })
      .def_property_readonly("output_shape", [](const Network& n) { return to_tuple(n.output_shape()); })
      .def_property_readonly("slots", &Network::slots)
      .def_readwrite("step", &Network::step)
      .def_property(
          "precision", [](const Network& n) { return to_string(n.precision()); },
          [](Network& n, const std::string& name) { n.set_precision(parse_precision(name)); })
      .def_property_readonly("parameters",
                             [](const py::object& self) {
                               Network& n = self.cast<Network&>();
                               // while an array lives, somebody may write to it
                               const py::capsule loan(new py::object(self), [](void* owner) {
                                 const std::unique_ptr<py::object> network(static_cast<py::object*>(owner));
                                 network->cast<Network&>().return_parameters();
                               });
                               return view(n.parameters(), n.parameter_count(), loan);
                             })
      .def_property_readonly("gradients",
                             [](const py::object& self) {
                               Network& n = self.cast<Network&>();
                               return view(n.gradients(), n.parameter_count(), self);
                             })
      .def(
          "forward",
          [](Network& n, const py::array& x) {
            const Images images = to_images("[forward] ", x, n.input_shape());
            Shape shape{images.samples};
            shape.insert(shape.end(), n.output_shape().begin(), n.output_shape().end());
            Array y = empty(shape);
            float* out = y.mutable_data();
            {
              py::gil_scoped_release release;
              n.forward(images, out);
            }
            return y;
          },
          py::arg("x"))
      .def("train_step", train_step, py::arg("x"), py::arg("y"), py::arg("indices").noconvert(), py::arg("loss"),
           py::arg("from_logits"), py::arg("optimizer"), py::arg("sample_weight"), py::arg("outputs"))
      .def(
          "evaluate_loss",
          [](const Network& n, const Array& y_pred, const py::array& y, const py::object& loss, bool from_logits) {
            const int64_t outputs = element_count(n.output_shape()), samples = y_pred.ndim() ? y_pred.shape(0) : 0;
            check(y_pred.size() == samples * outputs, "[evaluate_loss] expected predictions with ", outputs,
                  " values a sample. Received: ", to_string(shape_of(y_pred)));
            const Targets targets = to_targets("[evaluate_loss] ", y, samples, n.output_shape());
            return n.loss(samples, y_pred.data(), targets, to_loss(loss, from_logits));
          },
          py::arg("y_pred").noconvert(), py::arg("y"), py::arg("loss"), py::arg("from_logits"))
      .def("describe", &Network::describe);
}

}  // namespace

void bind_network(py::module_& m) {
  bind_graph(m);
  bind_network_class(m);
}

}  // namespace cnncore
