#include "graph/attribute_reader.h"

#include <sstream>
#include <type_traits>

#include "runtime/check.h"

namespace cnncore {

const Attribute* AttributeReader::find(std::string_view name, bool required) {
  known_.emplace(name);
  const auto found = attributes_.find(name);
  if (found == attributes_.end()) {
    check(!required, op_, "expected the attribute ", name, ". Received: no attribute of this name");
    return nullptr;
  }
  return &found->second;
}

bool AttributeReader::has(std::string_view name) { return find(name, false) != nullptr; }

void AttributeReader::wrong(std::string_view name, const char* expected) const {
  const auto text = [](const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    std::ostringstream out;
    if constexpr (std::is_same_v<Value, bool>) {
      out << (value ? "true" : "false");
    } else if constexpr (std::is_arithmetic_v<Value> || std::is_same_v<Value, std::string>) {
      out << value;
    } else {
      out << "a list of " << value.size() << " numbers";
    }
    return out.str();
  };
  fail(op_, "expected the attribute ", name, " to be ", expected,
       ". Received: ", std::visit(text, attributes_.find(name)->second.value()));
}

bool AttributeReader::boolean(std::string_view name, std::optional<bool> fallback) {
  const Attribute* attribute = find(name, !fallback);
  if (!attribute) return *fallback;
  if (const auto* value = std::get_if<bool>(&attribute->value())) return *value;
  wrong(name, "true or false");
}

int64_t AttributeReader::integer(std::string_view name, std::optional<int64_t> fallback) {
  const Attribute* attribute = find(name, !fallback);
  if (!attribute) return *fallback;
  if (const auto* value = std::get_if<int64_t>(&attribute->value())) return *value;
  wrong(name, "a whole number");
}

double AttributeReader::real(std::string_view name, std::optional<double> fallback) {
  const Attribute* attribute = find(name, !fallback);
  if (!attribute) return *fallback;
  if (const auto* value = std::get_if<double>(&attribute->value())) return *value;
  if (const auto* value = std::get_if<int64_t>(&attribute->value())) return static_cast<double>(*value);
  wrong(name, "a number");
}

std::string AttributeReader::text(std::string_view name, std::optional<std::string> fallback) {
  const Attribute* attribute = find(name, !fallback);
  if (!attribute) return *fallback;
  if (const auto* value = std::get_if<std::string>(&attribute->value())) return *value;
  wrong(name, "a text");
}

std::vector<int64_t> AttributeReader::integers(std::string_view name, std::optional<std::vector<int64_t>> fallback) {
  const Attribute* attribute = find(name, !fallback);
  if (!attribute) return *fallback;
  if (const auto* value = std::get_if<std::vector<int64_t>>(&attribute->value())) return *value;
  if (const auto* value = std::get_if<int64_t>(&attribute->value())) return {*value};
  wrong(name, "a list of whole numbers");
}

std::pair<int64_t, int64_t> AttributeReader::pair(std::string_view name,
                                                  std::optional<std::pair<int64_t, int64_t>> fallback) {
  if (fallback && !has(name)) return *fallback;
  const std::vector<int64_t> values = integers(name);
  if (values.size() == 1) return {values[0], values[0]};
  if (values.size() == 2) return {values[0], values[1]};
  wrong(name, "one whole number or two");
}

Padding AttributeReader::padding(std::string_view name) {
  const std::vector<int64_t> values = integers(name, std::vector<int64_t>{0, 0, 0, 0});
  if (values.size() != 4) wrong(name, "four whole numbers: top, bottom, left, right");
  return {values[0], values[1], values[2], values[3]};
}

void AttributeReader::finish() const {
  for (const auto& [name, value] : attributes_) {
    if (known_.count(name) > 0) continue;
    std::string names;
    for (const std::string& other : known_) names += (names.empty() ? "" : ", ") + other;
    fail(op_, "expected one of the attributes ", names, ". Received: ", name);
  }
}

}  // namespace cnncore
