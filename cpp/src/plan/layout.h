// The places of a plan's tensors, and of the memory of its steps.
#pragma once

#include "plan/plan.h"

namespace cnncore {

/// Gives every tensor a place in memory from the time when it is first written until it is last read, and gives every
/// node its parts of the memories.
void lay_out(Plan& plan);

}  // namespace cnncore
