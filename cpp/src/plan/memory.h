// Places in an arena for tensors that are needed for a part of the time.
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

/// Gives every lifetime an offset, aligned to a cache line, so that those that overlap in time do not overlap in
/// memory. Returns the size of the arena. The largest come first, and each gets the lowest free place.
int64_t place(std::vector<Lifetime*> lifetimes);

}  // namespace cnncore
