#include "run/training_memory.h"

namespace cnncore {
namespace {

constexpr int64_t kKeptBytes = int64_t{256} << 20;  // more than that is given back when another plan begins

}  // namespace

bool TrainingMemory::take(const void* user, const Plan& plan, int64_t shards) {
  if (user_ == user) return false;
  if (bytes() > kKeptBytes) {
    packed_ = {};
    batch_ = {};
    threads_.clear();
  }
  user_ = nullptr;  // if there is not enough memory, nobody is the user
  reserve(packed_, plan.packed_floats);
  batch_.reserve(plan, shards);
  for (const auto& thread : threads_) thread->reserve(plan);
  user_ = user;
  return true;
}

void TrainingMemory::reserve_threads(const Plan& plan, int threads) {
  while (static_cast<int>(threads_.size()) < threads) threads_.push_back(std::make_unique<ThreadMemory>(plan));
}

int64_t TrainingMemory::bytes() const {
  int64_t total = packed_.size() * static_cast<int64_t>(sizeof(float)) + batch_.bytes();
  for (const auto& thread : threads_) total += thread->bytes();
  return total;
}

}  // namespace cnncore
