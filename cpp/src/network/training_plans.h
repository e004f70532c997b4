// Training plans by batch size: the usual one, the last short one of an epoch, and their like.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "run/training.h"

namespace cnncore {

constexpr int64_t kTrainingSlice = 32;

class TrainingPlans {
 public:
  /// A batch size, and whether losses are taken on the whole batch.
  using Key = std::pair<int64_t, bool>;

  /// The plan for a key. Where there is none, or another ISA has been chosen, it is made; then the plans that were used
  /// longest ago are dropped until few are left that take little memory.
  Training& get(const Key& key, const Kernels& kernels, const std::function<std::unique_ptr<Plan>()>& make);
  void clear() { plans_.clear(); }
  std::string describe() const;

 private:
  void make_room();
  std::list<std::pair<Key, std::unique_ptr<Training>>> plans_;  // the one used last in front
};

}  // namespace cnncore
