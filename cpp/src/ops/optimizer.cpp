// What all optimizers have in common: cutting a step into pieces, clipping, weight decay, accumulation of gradients and
// averages of parameters. The rules of the optimizers are in optimizer_rules.cpp and muon.cpp.
#include "cnncore/optimizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>

#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {

Optimizer::Optimizer(int64_t size) : size_(size) {
  check(size > 0, "[optimizer] expected a positive number of parameters. Received: ", size);
  check(size < (int64_t{1} << 40), "[optimizer] expected parameters that fit memory. Received: ", size);
  set_variables({{"parameters", 0, size, {size}}});
}

float* Optimizer::add_state(const std::string& name, float value) {
  state_.push_back(std::make_unique<State>(State{name, std::vector<float>(static_cast<size_t>(size_), value)}));
  return state_.back()->values.data();
}

std::map<std::string, std::vector<float>*> Optimizer::state() {
  std::map<std::string, std::vector<float>*> result;
  for (const auto& state : state_) result[state->name] = &state->values;
  return result;
}

void Optimizer::set_options(const OptimizerOptions& options) {
  const auto positive = [](const char* name, double value) {
    check(value >= 0 && std::isfinite(value), "[optimizer] expected ", name, " >= 0. Received: ", value);
  };
  positive("weight_decay", options.weight_decay);
  positive("clipnorm", options.clipnorm);
  positive("global_clipnorm", options.global_clipnorm);
  positive("clipvalue", options.clipvalue);
  check((options.clipnorm > 0) + (options.global_clipnorm > 0) + (options.clipvalue > 0) <= 1,
        "[optimizer] expected at most one of clipnorm, clipvalue and global_clipnorm");
  check(options.gradient_accumulation_steps >= 0 && options.gradient_accumulation_steps != 1,
        "[optimizer] expected gradient_accumulation_steps >= 2, or 0. Received: ", options.gradient_accumulation_steps);
  check(options.ema_momentum >= 0 && options.ema_momentum <= 1,
        "[optimizer] expected ema_momentum in [0, 1]. Received: ", options.ema_momentum);
  check(options.ema_overwrite_frequency >= 0,
        "[optimizer] expected ema_overwrite_frequency >= 0. Received: ", options.ema_overwrite_frequency);
  options_ = options;
  const auto keep = [&](float*& vector, const char* name, bool wanted) {
    std::erase_if(state_, [&](const auto& state) { return state->name == name; });
    vector = wanted ? add_state(name) : nullptr;
  };
  keep(accumulator_, "gradient_accumulator", options.gradient_accumulation_steps > 1);
  keep(average_, "average", options.use_ema);
}

void Optimizer::set_variables(std::vector<VariableRange> variables) {
  check(!variables.empty(), "[optimizer] expected at least one variable");
  int64_t end = 0;
  for (const VariableRange& variable : variables) {
    check(variable.offset >= end && variable.size > 0 && variable.size <= size_ - variable.offset,
          "[optimizer] expected variables in ascending order, without overlap, within ", size_,
          " parameters. Received: ", variable.name, " with ", variable.size, " values at ", variable.offset);
    end = variable.offset + variable.size;
  }
  variables_ = std::move(variables);
  scale_.assign(variables_.size(), 1.0f);
  squares_.assign(variables_.size(), 0.0);
}

void Optimizer::cut(std::span<const UpdateRange> ranges) {
  pieces_.clear();
  for (const UpdateRange& range : ranges) {
    check(range.offset >= 0 && range.size >= 0 && range.size <= size_ - range.offset,
          "[optimizer] expected ranges within ", size_, " parameters. Received: ", range.size, " at ", range.offset);
    const int64_t end = range.offset + range.size;
    auto variable = std::partition_point(variables_.begin(), variables_.end(),
                                         [&](const VariableRange& v) { return v.offset + v.size <= range.offset; });
    for (; variable != variables_.end() && variable->offset < end; ++variable) {
      const int64_t stop = std::min(end, variable->offset + variable->size);
      for (int64_t at = std::max(range.offset, variable->offset); at < stop; at += kPieceSize) {
        Piece piece{{at, std::min(kPieceSize, stop - at), range.params + (at - range.offset),
                     range.grads + (at - range.offset)}};
        piece.variable = static_cast<size_t>(variable - variables_.begin());
        pieces_.push_back(piece);
      }
    }
  }
}

// Calls task(piece) for every piece, on all threads. If tasks throw exceptions, the first one is thrown again at the
// end.
template <class Task>
void Optimizer::for_pieces(Task task) {
  int64_t floats = 0;
  for (const Piece& piece : pieces_) floats += piece.size;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  std::exception_ptr error;
  parallel_for(static_cast<int64_t>(pieces_.size()), 16 * floats, [&](int64_t i, int) {
    try {
      task(pieces_[static_cast<size_t>(i)]);
    } catch (...) {
      if (!failed.test_and_set()) error = std::current_exception();
    }
  });
  if (error) std::rethrow_exception(error);
}

void Optimizer::accumulate_gradients() {
  const Kernels& k = kernels();
  for_pieces([&](Piece& piece) {
    float* sum = accumulator_ + piece.offset;
    k.accumulate(piece.grads, sum, piece.size);
    piece.grads = sum;
  });
}

// Computes the factor by which the gradient of each variable is multiplied. It is 1 / steps of accumulation, and
// smaller if the norm of the gradient has to be limited.
void Optimizer::find_scales() {
  const float mean = 1.0f / static_cast<float>(every());
  std::fill(scale_.begin(), scale_.end(), mean);
  clips_ = mean != 1.0f || options_.clipvalue > 0;
  if (options_.clipnorm == 0 && options_.global_clipnorm == 0) return;
  const Kernels& k = kernels();
  for_pieces([&](Piece& piece) {
    piece.squares = static_cast<double>(k.optimizer.sum_squares(piece.grads, piece.size));
    if (std::isfinite(piece.squares)) return;
    piece.squares = 0;  // the sum is too large for a float, though its root is not: sum again in double
    for (int64_t i = 0; i < piece.size; ++i) piece.squares += static_cast<double>(piece.grads[i]) * piece.grads[i];
  });
  std::fill(squares_.begin(), squares_.end(), 0.0);
  double all = 0;
  for (const Piece& piece : pieces_) squares_[piece.variable] += piece.squares, all += piece.squares;
  for (size_t i = 0; i < scale_.size(); ++i) {
    const double limit = options_.clipnorm > 0 ? options_.clipnorm : options_.global_clipnorm;
    const double norm = std::sqrt(options_.clipnorm > 0 ? squares_[i] : all) * mean;
    if (norm > limit) scale_[i] = static_cast<float>(mean * (limit / norm));
    clips_ = clips_ || scale_[i] != 1.0f;
  }
}

const float* Optimizer::gradient(const Piece& piece, float* scratch) const {
  const float scale = scale_[piece.variable];
  if (!clips_ || (scale == 1.0f && options_.clipvalue == 0)) return piece.grads;
  const float limit = options_.clipvalue > 0 ? options_.clipvalue : std::numeric_limits<float>::infinity();
  kernels().optimizer.clip(piece.grads, scratch, piece.size, scale, limit);
  return scratch;
}

double Optimizer::weight_decay(const VariableRange& variable) const {
  return variable.decays ? options_.weight_decay : 0.0;
}

void Optimizer::begin_step(int64_t) {}
void Optimizer::prepare(std::span<const Piece>) {}

void Optimizer::move(Piece& piece) {
  const double decay = static_cast<double>(learning_rate) * weight_decay(variables_[piece.variable]);
  if (decay != 0) kernels().rescale_f32(piece.params, piece.params, piece.size, static_cast<float>(1.0 - decay), 0.0f);
  float scratch[kPieceSize];
  piece.finite = update(piece.offset, piece.size, piece.params, gradient(piece, scratch));
  if (accumulator_) std::fill_n(accumulator_ + piece.offset, piece.size, 0.0f);
}

void Optimizer::average(const Piece& piece, int64_t call) {
  const int64_t update = call / every();
  const double momentum = update != 0 ? options_.ema_momentum : 0.0;
  float* mean = average_ + piece.offset;
  kernels().optimizer.blend(piece.params, mean, piece.size, static_cast<float>(momentum),
                            static_cast<float>(1.0 - momentum));
  if (options_.ema_overwrite_frequency > 0 && (update + 1) % options_.ema_overwrite_frequency == 0)
    std::copy_n(mean, piece.size, piece.params);
}

bool Optimizer::apply(std::span<const UpdateRange> ranges) {
  const int64_t call = step;
  cut(ranges);
  ++step;
  const bool moves = step % every() == 0;
  if (accumulator_) accumulate_gradients();
  if (moves) {
    find_scales();
    begin_step(updates());
    prepare(pieces_);
  }
  if (moves || average_)
    for_pieces([&](Piece& piece) {
      if (moves) move(piece);
      if (average_) average(piece, call);
    });
  finite_ = std::all_of(pieces_.begin(), pieces_.end(), [](const Piece& piece) { return piece.finite; });
  return finite_;
}

}  // namespace cnncore
