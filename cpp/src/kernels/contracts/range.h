// A range of indices. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// The indices i with begin <= i < end.
struct IndexRange {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

}  // namespace cnncore
