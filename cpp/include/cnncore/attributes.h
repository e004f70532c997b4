// The attributes of an op that is added to a graph: values with names. The names are the same in C++ and in Python.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace cnncore {

/// The value of an attribute: a truth value, a whole number, a real number, a text, or a list of numbers.
class Attribute {
 public:
  using Integers = std::vector<int64_t>;
  using Reals = std::vector<double>;

  Attribute(bool value) : value_(value) {}
  template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  Attribute(T value) : value_(static_cast<int64_t>(value)) {}
  template <class T, std::enable_if_t<std::is_floating_point_v<T>, int> = 0>
  Attribute(T value) : value_(static_cast<double>(value)) {}
  Attribute(const char* value) : value_(std::string(value)) {}
  Attribute(std::string value) : value_(std::move(value)) {}
  Attribute(Integers value) : value_(std::move(value)) {}
  Attribute(Reals value) : value_(std::move(value)) {}
  Attribute(std::initializer_list<int64_t> values) : value_(Integers(values)) {}

  const std::variant<bool, int64_t, double, std::string, Integers, Reals>& value() const { return value_; }

 private:
  std::variant<bool, int64_t, double, std::string, Integers, Reals> value_;
};

/// Attributes by name, for example {{"filters", 32}, {"kernel_size", {3, 3}}, {"activation", "relu"}}.
using Attributes = std::map<std::string, Attribute, std::less<>>;

}  // namespace cnncore
