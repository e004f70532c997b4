#include "plan/memory.h"

#include <algorithm>

#include "runtime/buffer.h"

namespace cnncore {

namespace {

bool overlap(const Lifetime& a, const Lifetime& b) {
  const auto meet = [](int first, int last, int other_first, int other_last) {
    return first <= last && other_first <= other_last && other_first <= last && first <= other_last;
  };
  return meet(a.first, a.last, b.first, b.last) || meet(a.first, a.last, b.second_first, b.second_last) ||
         meet(a.second_first, a.second_last, b.first, b.last) ||
         meet(a.second_first, a.second_last, b.second_first, b.second_last);
}

}  // namespace

int64_t place(std::vector<Lifetime*> lifetimes) {
  std::stable_sort(lifetimes.begin(), lifetimes.end(),
                   [](const Lifetime* a, const Lifetime* b) { return a->size > b->size; });
  int64_t total = 0;
  std::vector<const Lifetime*> placed, together;  // in the order of their offsets
  for (Lifetime* wanted : lifetimes) {
    together.clear();
    for (const Lifetime* other : placed)
      if (overlap(*other, *wanted)) together.push_back(other);
    int64_t at = 0;
    for (const Lifetime* other : together) {
      if (at + wanted->size <= other->offset) break;
      at = std::max(at, other->offset + aligned_count<float>(other->size));
    }
    wanted->offset = at;
    const auto after = std::upper_bound(placed.begin(), placed.end(), wanted,
                                        [](const Lifetime* a, const Lifetime* b) { return a->offset < b->offset; });
    placed.insert(after, wanted);
    total = std::max(total, at + aligned_count<float>(wanted->size));
  }
  return total;
}

}  // namespace cnncore
