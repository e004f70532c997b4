// Places of tensors in an arena: tensors that are needed at the same time do not share memory; others may.
#include "plan/memory.h"

#include <doctest/doctest.h>

using namespace cnncore;

TEST_CASE("tensors that live one after another share their place") {
  Lifetime a{.size = 100, .first = 0, .last = 1}, b{.size = 100, .first = 2, .last = 3};
  Lifetime both{.size = 16, .first = 1, .last = 2};
  CHECK(place({&a, &b, &both}) == 128);  // rounded up to whole cache lines
  CHECK(a.offset == b.offset);
  CHECK(both.offset >= 100);
}

TEST_CASE("a tensor that lives twice keeps its place free for others in between only") {
  Lifetime twice{.size = 64, .first = 0, .last = 1, .second_first = 8, .second_last = 9};
  Lifetime between{.size = 32, .first = 3, .last = 6}, second{.size = 32, .first = 6, .last = 8};
  Lifetime also_twice{.size = 16, .first = 2, .last = 2, .second_first = 9, .second_last = 10};
  CHECK(place({&twice, &between, &second, &also_twice}) == 96);
  CHECK(twice.offset == 0);
  CHECK(between.offset == 0);      // in the gap
  CHECK(second.offset == 64);      // both are needed at the second time
  CHECK(also_twice.offset == 64);  // as above; `second` is no longer needed by then
}
