// Graphs, and the parameters of layers.
#include "array.h"
#include "attributes.h"
#include "graph/op.h"
#include "host_op.h"
#include "tangent_ops.h"

namespace cnncore {
namespace {

int add(Graph& graph, const std::string& kind, const std::vector<int>& inputs, const std::string& layer,
        const py::kwargs& attributes) {
  if (kind == "host") return add_host_op(graph, inputs, layer, attributes);
  if (kind == "tangent_source" || kind == "tangent_probe")
    return add_tangent_op(graph, kind, inputs, layer, attributes);
  return graph.add(kind, inputs, layer, to_attributes("[graph] ", attributes));
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
