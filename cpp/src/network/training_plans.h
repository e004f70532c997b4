// Training plans by batch size: the usual one, the last short one of an epoch, and their like.
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

  /// The plan for a key, or null if there is none or another instruction set has been chosen since it was made.
  Training* find(const Key& key, const Kernels& kernels);
  /// A new one. Of many the one that was used longest ago is dropped.
  Training& add(const Key& key, std::unique_ptr<Plan> plan);
  void clear() { plans_.clear(); }
  std::string describe() const;

 private:
  TrainingMemory memory_;
  std::list<std::pair<Key, std::unique_ptr<Training>>> plans_;  // the one used last in front
};

}  // namespace cnncore
