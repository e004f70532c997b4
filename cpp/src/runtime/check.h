// Errors for wrong arguments. Messages say what was expected and what was received.
#pragma once

#include <sstream>
#include <stdexcept>

namespace cnncore {

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

template <class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) fail(parts...);
}

}  // namespace cnncore
