// The Python module cnncore._core, which gives access to the C++ library.
#include "array.h"

namespace cnncore {
namespace {

void bind_runtime(py::module_& m) {
  m.attr("__version__") = version;
  m.def("isa", isa);
  m.def("available_isas", available_isas);
  m.def("set_isa", set_isa, py::arg("name"));
  m.def("get_num_threads", num_threads);
  m.def("set_num_threads", set_num_threads, py::arg("threads"));
  m.def("default_num_threads", default_num_threads);
  m.def("build_info", build_info);
  m.def("bfloat16_unit", bfloat16_unit);
  m.def(
      "same_padding",
      [](int64_t size, int64_t kernel, int64_t stride, int64_t dilation) {
        const PaddingPair p = same_padding(size, kernel, stride, dilation);
        return Pair(p.before, p.after);
      },
      py::arg("size"), py::arg("kernel"), py::arg("stride"), py::arg("dilation"));
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "cnncore's C++ core. See _core.pyi for its functions.";
  bind_runtime(m);
  bind_ops(m);
  bind_optimizers(m);
  bind_loss(m);
  bind_metrics(m);
  bind_graph(m);
  bind_network(m);
  bind_augment(m);
}

}  // namespace cnncore
