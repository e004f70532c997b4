// Graphs, and the parameters of layers.
#include "array.h"
#include "graph/op.h"
#include "host_op.h"
#include "tangent_ops.h"

namespace cnncore {
namespace {

bool is_list(const py::handle& value) { return py::isinstance<py::tuple>(value) || py::isinstance<py::list>(value); }

// Throws a ValueError if the number does not fit 64 bits. It may be a seed, which has 64 bits without a sign.
int64_t to_integer(const std::string& name, const py::handle& value) {
  const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!index) throw py::error_already_set();
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow == 0) return static_cast<int64_t>(number);
  const unsigned long long large = PyLong_AsUnsignedLongLong(index.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    throw py::value_error("[graph] expected the attribute " + name +
                          " to fit 64 bits. Received: " + std::string(py::repr(value)));
  }
  return static_cast<int64_t>(large);
}

struct Numbers {
  std::vector<double> reals;
  std::vector<int64_t> integers;  // the same numbers, as far as they are integers
};

// Throws a RecursionError instead of using up the stack: a list may contain itself.
struct Recursion {
  Recursion() {
    if (Py_EnterRecursiveCall(" in an attribute of an op")) throw py::error_already_set();
  }
  ~Recursion() { Py_LeaveRecursiveCall(); }
  Recursion(const Recursion&) = delete;
  Recursion& operator=(const Recursion&) = delete;
};

// Appends the numbers of a list, and of lists inside it: ((1, 2), (3, 4)) gives 1, 2, 3, 4.
void append_numbers(const std::string& name, const py::handle& value, Numbers& numbers) {
  if (is_list(value)) {
    const Recursion guard;
    for (const py::handle item : value) append_numbers(name, item, numbers);
    return;
  }
  if (PyIndex_Check(value.ptr())) numbers.integers.push_back(to_integer(name, value));
  try {
    numbers.reals.push_back(value.cast<double>());
  } catch (const py::cast_error&) {
    throw py::type_error("[graph] expected numbers in the attribute " + name +
                         ". Received: " + std::string(py::repr(value)));
  }
}

Attribute to_attribute(const std::string& name, const py::handle& value) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>();
  if (py::isinstance<py::str>(value)) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);  // null if there are halves of surrogate pairs
    if (!text) throw py::error_already_set();
    return std::string(text, static_cast<size_t>(size));
  }
  if (is_list(value)) {
    Numbers numbers;
    append_numbers(name, value, numbers);
    if (numbers.integers.size() < numbers.reals.size()) return numbers.reals;
    return numbers.integers;
  }
  if (PyIndex_Check(value.ptr())) return to_integer(name, value);
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
