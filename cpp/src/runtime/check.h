// Errors for wrong arguments. Messages say what was expected and what was received.
#pragma once

#include <initializer_list>
#include <ostream>
#include <stdexcept>

#include "cnncore/tensor.h"

namespace cnncore {

/// A part of a message: a text, a number or a shape, which is only written if there is an error. It refers to the
/// value, and forgets its type, so that one function writes all messages.
class MessagePart {
 public:
  MessagePart(const char* text)
      : MessagePart(text, [](std::ostream& to, const void* part) { to << static_cast<const char*>(part); }) {}
  template <class T>
  MessagePart(const T& value)
      : MessagePart(&value, [](std::ostream& to, const void* part) { to << *static_cast<const T*>(part); }) {}
  MessagePart(const Shape& shape);
  void write_to(std::ostream& stream) const { write_(stream, value_); }

 private:
  using Write = void (*)(std::ostream&, const void*);
  MessagePart(const void* value, Write write) : value_(value), write_(write) {}
  const void* value_;
  Write write_;
};

/// Throws std::invalid_argument with the parts one after the other as its message.
[[noreturn]] void fail_with(std::initializer_list<MessagePart> parts);

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  fail_with({MessagePart(parts)...});
}

template <class... Parts>
inline void check(bool condition, const Parts&... parts) {
  if (!condition) fail_with({MessagePart(parts)...});
}

}  // namespace cnncore
