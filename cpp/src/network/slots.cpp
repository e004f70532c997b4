#include "network/slots.h"

#include <algorithm>
#include <utility>

#include "runtime/check.h"

namespace cnncore {

Slots::Slots(const Graph& graph, const std::map<std::string, std::shared_ptr<Parameters>>& given) : parameters(given) {
  collect(graph);
  make_missing();
  check_given();
  std::map<const Parameters*, bool> seen;
  for (const ParameterSlot& slot : list) {
    Parameters* layer = parameters.at(slot.layer).get();
    if (!std::exchange(seen[layer], true)) layers.push_back(layer);
  }
}

void Slots::collect(const Graph& graph) {
  std::map<std::pair<std::string, int64_t>, int> known;
  for (const Graph::Node& node : graph.nodes()) {
    of_node.emplace_back();
    const std::vector<ParameterSpec> specs = node.op->parameters();
    for (size_t i = 0; i < specs.size(); ++i) {
      const auto [found, is_new] = known.try_emplace({node.layer, node.weights[i]}, static_cast<int>(list.size()));
      of_node.back().push_back(found->second);
      if (!is_new) {
        ParameterSlot& slot = list[static_cast<size_t>(found->second)];
        check(element_count(slot.shape) == element_count(specs[i].shape), "layer \"", node.layer, "\": expected ",
              specs[i].name, " of shape ", slot.shape, " at every use. Received: ", specs[i].shape);
        slot.trainable |= node.trainable && !specs[i].state;
        continue;
      }
      const bool state = specs[i].state;
      list.push_back(
          {node.layer, node.weights[i], specs[i].name, specs[i].shape, state ? -1 : count, node.trainable && !state});
      if (!state) count += aligned_count<float>(element_count(specs[i].shape));
    }
  }
}

void Slots::make_missing() {
  std::map<std::string, std::vector<Shape>> wanted;
  for (const ParameterSlot& slot : list) {
    if (parameters.count(slot.layer)) continue;
    std::vector<Shape>& shapes = wanted[slot.layer];
    shapes.resize(std::max(shapes.size(), static_cast<size_t>(slot.index) + 1), Shape{1});
    shapes[static_cast<size_t>(slot.index)] = slot.shape;
  }
  for (auto& [layer, shapes] : wanted) parameters[layer] = std::make_shared<Parameters>(std::move(shapes));
}

void Slots::check_given() const {
  for (const ParameterSlot& slot : list) {
    const std::shared_ptr<Parameters>& layer = parameters.at(slot.layer);
    check(layer != nullptr, "layer \"", slot.layer, "\": expected parameters. Received: null");
    const std::vector<Shape>& shapes = layer->shapes();
    check(slot.index >= 0 && slot.index < static_cast<int64_t>(shapes.size()), "layer \"", slot.layer,
          "\": expected parameters with an array ", slot.index, " (", slot.name, "). Received: ", shapes.size(),
          " arrays");
    const Shape& shape = shapes[static_cast<size_t>(slot.index)];
    check(element_count(shape) == element_count(slot.shape), "layer \"", slot.layer, "\": expected ", slot.name,
          " of shape ", slot.shape, ". Received: ", shape);
  }
}

std::vector<BoundSlot> Slots::bind(float* gradients, const float* direction) const {
  std::vector<BoundSlot> bound;
  for (const ParameterSlot& slot : list) {
    float* value = parameters.at(slot.layer)->state().array(static_cast<size_t>(slot.index));
    bound.push_back({value, slot.trainable ? gradients + slot.offset : nullptr, element_count(slot.shape),
                     slot.trainable && direction ? direction + slot.offset : nullptr});
  }
  return bound;
}

}  // namespace cnncore
