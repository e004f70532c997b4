#include "runtime/check.h"

#include <sstream>

namespace cnncore {

MessagePart::MessagePart(const Shape& shape)
    : MessagePart(&shape,
                  [](std::ostream& to, const void* part) { to << to_string(*static_cast<const Shape*>(part)); }) {}

void fail_with(std::initializer_list<MessagePart> parts) {
  std::ostringstream text;
  for (const MessagePart& part : parts) part.write_to(text);
  throw std::invalid_argument(text.str());
}

}  // namespace cnncore
