// Reads the attributes of an op. It knows defaults, and throws exceptions for wrong types and for unknown attributes.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "cnncore/attributes.h"
#include "cnncore/tensor.h"

namespace cnncore {

class AttributeReader {
 public:
  /// `op` is the beginning of error messages, such as "[conv2d] ".
  AttributeReader(std::string op, const Attributes& attributes) : op_(std::move(op)), attributes_(attributes) {}

  const std::string& op() const { return op_; }
  bool has(std::string_view name);
  /// These return the attribute `name`, or `fallback` if there is no such attribute. They throw std::invalid_argument
  /// if the value has another type, or if the attribute is missing and there is no fallback.
  bool boolean(std::string_view name, std::optional<bool> fallback = {});
  int64_t integer(std::string_view name, std::optional<int64_t> fallback = {});
  double real(std::string_view name, std::optional<double> fallback = {});
  std::string text(std::string_view name, std::optional<std::string> fallback = {});
  std::vector<int64_t> integers(std::string_view name, std::optional<std::vector<int64_t>> fallback = {});
  /// Reads two integers, or one that stands for both.
  std::pair<int64_t, int64_t> pair(std::string_view name, std::optional<std::pair<int64_t, int64_t>> fallback = {});
  /// Reads four integers: top, bottom, left, right.
  Padding padding(std::string_view name);

  /// Throws std::invalid_argument if there is an attribute for which nothing has asked. The message lists the others.
  void finish() const;

 private:
  const Attribute* find(std::string_view name, bool required);
  [[noreturn]] void wrong(std::string_view name, const char* expected) const;

  std::string op_;
  const Attributes& attributes_;
  std::set<std::string, std::less<>> known_;  // for which something has asked
};

}  // namespace cnncore
