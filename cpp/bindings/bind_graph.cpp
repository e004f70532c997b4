// Graphs, and the parameters of layers.
#include "array.h"
#include "graph/op.h"
#include "host_op.h"
#include "tangent_ops.h"

namespace cnncore {
namespace {

bool is_list(const py::handle& value) { return py::isinstance<py::tuple>(value) || py::isinstance<py::list>(value); }

// Appends the numbers of a list, and of lists inside it: ((1, 2), (3, 4)) gives 1, 2, 3, 4. `integers` becomes false if
// one of them is no integer.
void append_numbers(const std::string& name, const py::handle& value, std::vector<double>& numbers, bool& integers) {
  if (is_list(value)) {
    for (const py::handle item : value) append_numbers(name, item, numbers, integers);
    return;
  }
  if (!PyIndex_Check(value.ptr())) integers = false;
  try {
    numbers.push_back(value.cast<double>());
  } catch (const py::cast_error&) {
    throw py::type_error("[graph] expected numbers in the attribute " + name +
                         ". Received: " + std::string(py::repr(value)));
  }
}

Attribute to_attribute(const std::string& name, const py::handle& value) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>();
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  if (is_list(value)) {
    std::vector<double> numbers;
    bool integers = true;
    append_numbers(name, value, numbers, integers);
    if (!integers) return numbers;
    return std::vector<int64_t>(numbers.begin(), numbers.end());
  }
  if (PyIndex_Check(value.ptr())) {
    const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!index) throw py::error_already_set();
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
    if (overflow == 0) return static_cast<int64_t>(number);
    // The number may be a seed, which has 64 bits without a sign.
    const unsigned long long large = PyLong_AsUnsignedLongLong(index.ptr());
    if (PyErr_Occurred()) {
      PyErr_Clear();
      throw py::value_error("[graph] expected the attribute " + name +
                            " to fit 64 bits. Received: " + std::string(py::repr(value)));
    }
    return static_cast<int64_t>(large);
  }
  try {
    return value.cast<double>();
  } catch (const py::cast_error&) {
    throw py::type_error("[graph] expected the attribute " + name +
                         " to be a number, a text or a list of numbers. Received: " + std::string(py::repr(value)));
  }
}

int add(Graph& graph, const std::string& kind, const std::vector<int>& inputs, const std::string& layer,
        const py::kwargs& attributes) {
  if (kind == "host") return add_host_op(graph, inputs, layer, attributes);
  if (kind == "tangent_source" || kind == "tangent_probe")
    return add_tangent_op(graph, kind, inputs, layer, attributes);
  Attributes converted;
  for (const auto& [key, value] : attributes) {
    const std::string name = key.cast<std::string>();
    if (!value.is_none()) converted.emplace(name, to_attribute(name, value));
  }
  return graph.add(kind, inputs, layer, std::move(converted));
}

void bind_parameters(py::module_& m) {
  py::class_<Parameters, std::shared_ptr<Parameters>>(m, "Parameters")
      .def(py::init<std::vector<Shape>>(), py::arg("shapes"))
      .def_property_readonly("shapes",
                             [](const Parameters& p) {
                               py::list shapes;
                               for (const Shape& shape : p.shapes()) shapes.append(to_tuple(shape));
                               return shapes;
                             })
      .def(
          "view",
          [](const std::shared_ptr<Parameters>& p, size_t index) {
            auto loan = std::make_unique<Parameters::Loan>(p, index);  // exists as long as the array
            float* data = loan->data();
            const py::capsule owner(loan.release(), [](void* held) { delete static_cast<Parameters::Loan*>(held); });
            const Shape& shape = p->shapes()[index];
            return Array(std::vector<py::ssize_t>(shape.begin(), shape.end()), data, owner);
          },
          py::arg("index"))
      .def(
          "read",
          [](const Parameters& p, size_t index) {
            (void)p.data(index);
            Array values = empty(p.shapes()[index]);
            float* to = values.mutable_data();
            {
              const py::gil_scoped_release release;
              p.read(index, to);
            }
            return values;
          },
          py::arg("index"))
      .def(
          "write",
          [](Parameters& p, size_t index, const Array& values) {
            (void)p.data(index);
            check_shape("[parameters] ", "values", values, p.shapes()[index]);
            const py::gil_scoped_release release;
            p.write(index, values.data());
          },
          py::arg("index"), py::arg("values"));
}

}  // namespace

void bind_graph(py::module_& m) {
  py::class_<Graph>(m, "GraphBuilder")
      .def(py::init<>())
      .def("input", &Graph::input, py::arg("shape"))
      .def("add", add)  // kind, inputs and layer have no names, since an attribute may be called kind, too
      .def("output_shape", [](const Graph& g, int tensor) { return to_tuple(g.shape(tensor)); }, py::arg("tensor"));
  bind_parameters(m);
  m.def(
      "write_parameters",
      [](const std::vector<std::tuple<std::shared_ptr<Parameters>, size_t, Array>>& all) {
        std::vector<ParameterValues> values;
        for (const auto& [owner, index, array] : all) {
          (void)owner->data(index);
          check_shape("[parameters] ", "values", array, owner->shapes()[index]);
          values.push_back({owner.get(), index, array.data()});
        }
        const py::gil_scoped_release release;
        write_parameters(values);
      },
      py::arg("values"));
}

}  // namespace cnncore
