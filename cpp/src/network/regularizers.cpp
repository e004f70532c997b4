#include "network/regularizers.h"

#include <cmath>

#include "runtime/check.h"

namespace cnncore {

void Regularizers::set(const Slots& slots, size_t slot, float l1, float l2) {
  check(std::isfinite(l1) && std::isfinite(l2), "[set_regularizer] expected finite factors for layer \"",
        slots.list[slot].layer, "\". Received: l1=", l1, ", l2=", l2);
  factors_.erase(slot);
  if (l1 != 0.0f || l2 != 0.0f) factors_[slot] = {l1, l2};
}

double Regularizers::loss(const Slots& slots) const {
  double total = 0;
  for (const auto& [index, factor] : factors_) {
    const ParameterSlot& slot = slots.list[index];
    if (!slot.trainable) continue;
    const float* w = slots.parameters.at(slot.layer)->state().array(static_cast<size_t>(slot.index));
    const int64_t size = element_count(slot.shape);
    double absolute = 0, squares = 0;
    for (int64_t i = 0; i < size; ++i) absolute += std::abs(w[i]), squares += static_cast<double>(w[i]) * w[i];
    total += factor.l1 * absolute + factor.l2 * squares;
  }
  return total;
}

void Regularizers::add_gradients(const Slots& slots, float* gradients) const {
  for (const auto& [index, factor] : factors_) {
    const ParameterSlot& slot = slots.list[index];
    if (!slot.trainable) continue;
    const float* w = slots.parameters.at(slot.layer)->state().array(static_cast<size_t>(slot.index));
    float* grad = gradients + slot.offset;
    const int64_t size = element_count(slot.shape);
    for (int64_t i = 0; i < size; ++i) {
      const float sign = w[i] > 0.0f ? 1.0f : w[i] < 0.0f ? -1.0f : 0.0f;
      grad[i] += factor.l1 * sign + 2.0f * factor.l2 * w[i];
    }
  }
}

void Regularizers::add_products(const Slots& slots, const float* direction, float* product) const {
  for (const auto& [index, factor] : factors_) {
    const ParameterSlot& slot = slots.list[index];
    if (!slot.trainable) continue;
    const int64_t end = slot.offset + element_count(slot.shape);
    for (int64_t i = slot.offset; i < end; ++i) product[i] += 2.0f * factor.l2 * direction[i];
  }
}

}  // namespace cnncore
