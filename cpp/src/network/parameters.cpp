#include <algorithm>
#include <shared_mutex>

#include "network/parameters_state.h"
#include "runtime/check.h"

namespace cnncore {

Parameters::Parameters(std::vector<Shape> shapes) : state_(std::make_unique<State>()) {
  int64_t total = 0;
  for (const Shape& shape : shapes) {
    for (const int64_t size : shape)
      check(size >= 1, "[parameters] expected positive sizes. Received: ", to_string(shape));
    state_->offsets.push_back(total);
    total += aligned_count<float>(element_count(shape));
    check(total < (int64_t{1} << 40), "[parameters] expected arrays that fit memory. Received: ", to_string(shape));
  }
  state_->shapes = std::move(shapes);
  state_->values = Buffer<float>(total);
}

Parameters::~Parameters() = default;

const std::vector<Shape>& Parameters::shapes() const { return state_->shapes; }

static void check_array(const Parameters::State& state, size_t array) {
  check(array < state.shapes.size(), "[parameters] expected an array in [0, ", state.shapes.size(),
        "). Received: ", array);
}

const float* Parameters::data(size_t array) const {
  check_array(*state_, array);
  return state_->array(array);
}

void Parameters::read(size_t array, float* values) const {
  check_array(*state_, array);
  const std::shared_lock lock(state_->lock);
  std::copy_n(state_->array(array), state_->size(array), values);
}

void Parameters::write(size_t array, const float* values) {
  check_array(*state_, array);
  const std::lock_guard lock(state_->lock);
  std::copy_n(values, state_->size(array), state_->array(array));
  ++state_->version;
}

Parameters::Loan::Loan(std::shared_ptr<Parameters> owner, size_t array) : owner_(std::move(owner)) {
  State& state = owner_->state();
  check_array(state, array);
  ++state.loans;
  ++state.version;
  data_ = state.array(array);
}

Parameters::Loan::~Loan() {
  if (!owner_) return;
  ++owner_->state().version;
  --owner_->state().loans;
}

}  // namespace cnncore
