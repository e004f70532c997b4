// Memory for arrays, aligned to a cache line.
#pragma once

#include <cstddef>

namespace cnncore {

constexpr std::size_t kAlignment = 64;

/// Returns a block of `bytes` bytes, or throws std::bad_alloc. The system clears the pages of new memory, which takes
/// longer than many ops that write to them. So large blocks that have been given back are kept, up to 64 MB in all, and
/// used again. Any thread may call these functions.
void* take_block(std::size_t bytes);
/// Gives a block back. `bytes` must be the number with which it was taken.
void give_block(void* block, std::size_t bytes);

}  // namespace cnncore
