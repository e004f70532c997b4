// Memory for arrays, aligned to a cache line.
#pragma once

#include <cstddef>

namespace cnncore {

constexpr std::size_t kAlignment = 64;

/// A block of so many bytes; throws std::bad_alloc. The system hands out memory page by page, and clearing new pages
/// takes longer than many an op that writes them: so large blocks that are given back are kept for the next taker, up
/// to 64 MB of them. From any thread.
void* take_block(std::size_t bytes);
void give_block(void* block, std::size_t bytes);  // the size it was taken with

}  // namespace cnncore
