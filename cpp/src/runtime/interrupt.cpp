#include "runtime/interrupt.h"

#include "cnncore/network.h"

namespace cnncore {
namespace {

std::atomic<bool (*)()> check_for_interrupt{nullptr};

}  // namespace

void set_interrupt_check(bool (*interrupted)()) { check_for_interrupt = interrupted; }

void InterruptWatch::look() {
  constexpr auto kPeriod = std::chrono::milliseconds(50);
  const Clock::time_point now = Clock::now();
  const bool first = last_ == Clock::time_point{};
  if (!first && now - last_ < kPeriod) return;
  last_ = now;
  if (first) return;
  bool (*const check)() = check_for_interrupt;
  if (check && check()) stopped_.store(true, std::memory_order_relaxed);
}

void InterruptWatch::finish() const {
  if (stopped_) throw Interrupted();
}

}  // namespace cnncore
