// Where a plan's tensors and the parts of its steps lie in memory.
#pragma once

#include "plan/plan.h"

namespace cnncore {

/// Gives every tensor its places, by the time from its first writer to its last reader, and every node its parts of the
/// memories.
void lay_out(Plan& plan);

}  // namespace cnncore
