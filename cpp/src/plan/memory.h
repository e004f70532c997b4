// Places in one block of memory (an arena) for tensors that are needed only for a part of the time.
#pragma once

#include <cstdint>
#include <vector>

namespace cnncore {

/// A need for `size` floats of memory from time `first` to time `last`, both included. The same place can be needed for
/// a second time; in between it may be overwritten.
struct Lifetime {
  int64_t size;
  int first, last;
  int second_first = 0, second_last = -1;  ///< with these values there is no second time
  int64_t offset = 0;                      ///< set by place()
};

/// Gives every lifetime an offset, aligned to a cache line, so that those that overlap in time do not overlap in
/// memory. Returns the size of the arena. The largest come first, and each gets the lowest free place.
int64_t place(std::vector<Lifetime*> lifetimes);

}  // namespace cnncore
