// Plans for training steps, by batch size. There are several, since the last batch of an epoch may be smaller.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "run/training.h"

namespace cnncore {

constexpr int64_t kTrainingSlice = 32;

class TrainingPlans {
 public:
  /// A batch size, and whether losses are computed for the whole batch.
  using Key = std::pair<int64_t, bool>;

  /// Returns the plan for a key, or null if there is none that was made for these kernels.
  Training* find(const Key& key, const Kernels& kernels);
  /// Adds a plan. If there are too many, the one that has not been used for the longest time is removed.
  Training& add(const Key& key, std::unique_ptr<Plan> plan);
  void clear() { plans_.clear(); }
  std::string describe() const;

 private:
  TrainingMemory memory_;
  std::list<std::pair<Key, std::unique_ptr<Training>>> plans_;  // the one that was used last comes first
};

}  // namespace cnncore
