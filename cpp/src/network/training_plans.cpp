#include "network/training_plans.h"

#include <algorithm>

namespace cnncore {
namespace {

constexpr size_t kMostPlans = 8;

}  // namespace

Training* TrainingPlans::find(const Key& key, const Kernels& kernels) {
  if (!plans_.empty() && &plans_.front().second->plan().kernels != &kernels) plans_.clear();
  const auto found = std::find_if(plans_.begin(), plans_.end(), [&](const auto& plan) { return plan.first == key; });
  if (found == plans_.end()) return nullptr;
  plans_.splice(plans_.begin(), plans_, found);
  return plans_.front().second.get();
}

Training& TrainingPlans::add(const Key& key, std::unique_ptr<Plan> plan) {
  if (plans_.size() >= kMostPlans) plans_.pop_back();
  plans_.emplace_front(key, std::make_unique<Training>(std::move(plan), memory_));
  return *plans_.front().second;
}

std::string TrainingPlans::describe() const {
  std::string text;
  for (const auto& plan : plans_) text += plan.second->plan().describe();
  return text;
}

}  // namespace cnncore
