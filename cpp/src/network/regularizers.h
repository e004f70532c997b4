// Penalties on parameters: l1 * sum |w| + l2 * sum w^2.
#pragma once

#include <map>

#include "network/slots.h"

namespace cnncore {

class Regularizers {
 public:
  void set(const Slots& slots, size_t slot, float l1, float l2);
  double loss(const Slots& slots) const;
  /// Adds l1 * sign(w) + 2 * l2 * w to the gradients of trained slots.
  void add_gradients(const Slots& slots, float* gradients) const;
  /// Adds 2 * l2 * direction, the product with their second derivatives.
  void add_products(const Slots& slots, const float* direction, float* product) const;

 private:
  struct Factors {
    float l1, l2;
  };
  std::map<size_t, Factors> factors_;
};

}  // namespace cnncore
