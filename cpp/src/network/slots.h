// The parameters that a graph needs, layer by layer, and the places of their gradients in the flat vectors.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "network/parameters_state.h"
#include "plan/plan.h"

namespace cnncore {

struct Slots {
  /// Makes Parameters for layers that are not in `given`. Throws std::invalid_argument if given ones do not fit.
  Slots(const Graph& graph, const std::map<std::string, std::shared_ptr<Parameters>>& given);

  /// The pointers that a plan uses. Gradients of state, and of parameters that are not trained, are null.
  std::vector<BoundSlot> bind(float* gradients, const float* direction = nullptr) const;

  std::vector<ParameterSlot> list;
  std::vector<std::vector<int>> of_node;  // for each node of the graph, in the order of the op's parameters
  std::map<std::string, std::shared_ptr<Parameters>> parameters;  // by layer
  std::vector<Parameters*> layers;                                // the same, each once
  int64_t count = 0;                                              // the length of the flat vectors

 private:
  void collect(const Graph& graph);
  void make_missing();
  void check_given() const;
};

}  // namespace cnncore
