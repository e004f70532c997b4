// Places in an arena for tensors that live for a part of the time.
#pragma once

#include <cstdint>
#include <vector>

namespace cnncore {

/// Wanted: `size` floats from time `first` to time `last`, both included, and at the same place for a second time; what
/// they hold in between is lost.
struct Lifetime {
  int64_t size;
  int first, last;
  int second_first = 0, second_last = -1;  ///< as it is: once only
  int64_t offset = 0;                      ///< set by place()
};

/// Gives every lifetime an offset, aligned to a cache line, such that those that overlap in time do not overlap in
/// memory; returns the size of the arena. Large ones first, each at the lowest place that is free.
int64_t place(std::vector<Lifetime*> lifetimes);

}  // namespace cnncore
