// Memory for arrays, aligned to a cache line.
#pragma once

#include <cstddef>

namespace cnncore {

constexpr std::size_t kAlignment = 64;

/// Returns a block of so many bytes, or throws std::bad_alloc. The system gives out new memory in pages, which it
/// clears, and that takes longer than many ops that write to them. So large blocks that have been given back are kept,
/// up to 64 MB in all, and used again. Any thread may call these functions.
void* take_block(std::size_t bytes);
void give_block(void* block, std::size_t bytes);  // `bytes` must be the size for which it was taken

}  // namespace cnncore
