// The Python module cnncore._core, which gives access to the C++ library.
#include <chrono>
#include <exception>
#include <thread>

#include "array.h"

namespace cnncore {
namespace {

bool interpreter_is_ending() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

std::terminate_handler next_handler = nullptr;
std::thread::id importing_thread;

// When a program ends, Python before 3.14 ends each daemon thread that asks for the GIL, by unwinding its stack. A
// thread that comes out of a call of this module has frames of C++ that cannot be unwound, which would abort the
// program. It waits instead until the process has ended, as threads do since Python 3.14.
void wait_for_end_of_process() {
  const bool is_unwound = interpreter_is_ending() && std::this_thread::get_id() != importing_thread;
  while (is_unwound) std::this_thread::sleep_for(std::chrono::hours(1));
  next_handler();
}

void bind_runtime(py::module_& m) {
  m.attr("__version__") = version;
  m.def("isa", isa);
  m.def("available_isas", available_isas);
  m.def("set_isa", set_isa, py::arg("name"));
  m.def("get_num_threads", num_threads);
  m.def(
      "set_num_threads",
      [](const py::object& threads) {
        const std::string received = "Received: threads=" + std::string(py::repr(threads));
        if (!PyIndex_Check(threads.ptr())) throw py::type_error("[set_num_threads] expected an integer. " + received);
        const Py_ssize_t number = PyNumber_AsSsize_t(threads.ptr(), nullptr);  // the nearest that is possible
        if (number == -1 && PyErr_Occurred()) throw py::error_already_set();
        check(number == static_cast<int>(number), "[set_num_threads] expected a number of 32 bits. ", received);
        set_num_threads(static_cast<int>(number));
      },
      py::arg("threads"));
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
  importing_thread = std::this_thread::get_id();
  next_handler = std::set_terminate(wait_for_end_of_process);
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
