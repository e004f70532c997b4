#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "network/parameters_state.h"
#include "runtime/check.h"

namespace cnncore {

Parameters::Parameters(std::vector<Shape> shapes) : state_(std::make_unique<State>()) {
  int64_t total = 0;
  for (const Shape& shape : shapes) {
    for (const int64_t size : shape) check(size >= 1, "[parameters] expected positive sizes. Received: ", shape);
    state_->offsets.push_back(total);
    total += aligned_count<float>(element_count(shape));
    check(total < (int64_t{1} << 40), "[parameters] expected arrays that fit memory. Received: ", shape);
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

namespace {

// Keeps other threads from computing with some parameters (kWrite), or only from changing them, and waits until they
// are done. It does not wait for locks that this thread holds itself, as it does inside a layer in Python that a
// network has called.
template <bool kWrite>
class Exclusion {
 public:
  explicit Exclusion(const std::vector<const Parameters*>& owners) {
    std::vector<Parameters::State::NetworkLock> networks;
    for (const Parameters* owner : owners) {
      const std::lock_guard guard(owner->state().registering);
      const auto& more = owner->state().network_locks;
      networks.insert(networks.end(), more.begin(), more.end());
    }
    std::sort(networks.begin(), networks.end());
    networks.erase(std::unique(networks.begin(), networks.end()), networks.end());
    taken_.reserve(networks.size() + owners.size());  // so that nothing throws while locks are held
    // A thread that holds the lock of one network must not wait for that of another, whose holder may wait for the
    // first.
    if (!held_by_this_thread)
      for (const auto& network : networks) take(*network);
    for (const Parameters* owner : owners) take(owner->state().lock);
    networks_ = std::move(networks);
  }
  ~Exclusion() {
    for (ReadWriteLock* lock : taken_) kWrite ? lock->unlock() : lock->unlock_shared();
  }
  Exclusion(const Exclusion&) = delete;
  Exclusion& operator=(const Exclusion&) = delete;

 private:
  void take(ReadWriteLock& lock) {
    if (this_thread_holds(lock)) return;
    kWrite ? lock.lock() : lock.lock_shared();
    taken_.push_back(&lock);
  }
  std::vector<Parameters::State::NetworkLock> networks_;  // so that the locks exist as long as they are held
  std::vector<ReadWriteLock*> taken_;
};

}  // namespace

void Parameters::read(size_t array, float* values) const {
  check_array(*state_, array);
  const Exclusion<false> exclusion({this});
  std::copy_n(state_->array(array), state_->size(array), values);
}

void Parameters::write(size_t array, const float* values) { write_parameters({{this, array, values}}); }

void write_parameters(const std::vector<ParameterValues>& all) {
  std::vector<const Parameters*> owners;
  for (const ParameterValues& item : all) {
    check_array(item.owner->state(), item.array);
    owners.push_back(item.owner);
  }
  std::sort(owners.begin(), owners.end());  // in the order in which networks lock them
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  const Exclusion<true> exclusion(owners);
  for (const ParameterValues& item : all) {
    Parameters::State& state = item.owner->state();
    std::copy_n(item.values, state.size(item.array), state.array(item.array));
  }
  for (const Parameters* owner : owners) ++owner->state().version;
}

void wait_for_sole_users(const std::vector<Parameters*>& sorted) {
  if (held_by_this_thread) return;  // then Exclusion does not wait for networks, so nothing would be gained
  std::vector<const Parameters*> owners;
  for (const Parameters* layer : sorted)
    if (layer->state().networks > 1) owners.push_back(layer);
  if (!owners.empty()) const Exclusion<true> exclusion(owners);
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
