// Attributes that come from Python: keyword arguments of ops and of optimizers.
#pragma once

#include "array.h"
#include "cnncore/attributes.h"

namespace cnncore {

/// Converts keyword arguments. Those that are None are left out. `op` is the beginning of error messages. Throws a
/// TypeError or a ValueError for a value that cannot be an attribute.
Attributes to_attributes(const char* op, const py::kwargs& attributes);

}  // namespace cnncore
