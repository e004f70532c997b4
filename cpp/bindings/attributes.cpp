#include "attributes.h"

namespace cnncore {
namespace {

struct AttributeName {
  std::string op;  // the beginning of error messages, such as "[graph] "
  std::string text;
};

bool is_list(const py::handle& value) { return py::isinstance<py::tuple>(value) || py::isinstance<py::list>(value); }

// Throws a ValueError if the number does not fit 64 bits. It may be a seed, which has 64 bits without a sign.
int64_t to_integer(const AttributeName& name, const py::handle& value) {
  const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!index) throw py::error_already_set();
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow == 0) return static_cast<int64_t>(number);
  const unsigned long long large = PyLong_AsUnsignedLongLong(index.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    throw py::value_error(name.op + "expected the attribute " + name.text +
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
void append_numbers(const AttributeName& name, const py::handle& value, Numbers& numbers) {
  if (is_list(value)) {
    const Recursion guard;
    for (const py::handle item : value) append_numbers(name, item, numbers);
    return;
  }
  if (PyIndex_Check(value.ptr())) numbers.integers.push_back(to_integer(name, value));
  try {
    numbers.reals.push_back(value.cast<double>());
  } catch (const py::cast_error&) {
    throw py::type_error(name.op + "expected numbers in the attribute " + name.text +
                         ". Received: " + std::string(py::repr(value)));
  }
}

Attribute to_attribute(const AttributeName& name, const py::handle& value) {
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
    throw py::type_error(name.op + "expected the attribute " + name.text +
                         " to be a number, a text or a list of numbers. Received: " + std::string(py::repr(value)));
  }
}

}  // namespace

Attributes to_attributes(const char* op, const py::kwargs& attributes) {
  Attributes converted;
  for (const auto& [key, value] : attributes) {
    const AttributeName name{op, key.cast<std::string>()};
    if (!value.is_none()) converted.emplace(name.text, to_attribute(name, value));
  }
  return converted;
}

}  // namespace cnncore
