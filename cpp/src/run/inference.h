// Inference: a plan, its packed parameters, and a pool of memories. Any number of threads can use it at the same time.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "run/packing.h"
#include "run/slices.h"
#include "runtime/interrupt.h"

namespace cnncore {

class Inference {
 public:
  Inference(std::unique_ptr<Plan> plan, std::vector<BoundSlot> bound);

  const Plan& plan() const { return plan_; }
  /// `call` is the number of the call, from which steps that draw random numbers derive them.
  void forward(std::span<const Images> x, std::span<float* const> y, ParameterState parameters, int64_t call);

 private:
  /// The pointers with which a thread runs a stage of one sample, except for that to the packed parameters.
  struct StageRun {
    Run run;
    std::vector<const float*> x;  // what run.x points to
  };
  /// The memory of one call, which comes from the pool and goes back to it.
  struct Memory {
    explicit Memory(const Plan& plan) : batch(plan, 1) {}
    BatchMemory batch;
    std::vector<std::unique_ptr<ThreadMemory>> threads;
    std::vector<std::vector<StageRun>> stages;  // for each thread
  };
  class Borrowed;
  /// A part of the computation of one sample: a stage of a step.
  struct Stage {
    size_t node;
    int64_t stage, work;
    bool shared;
  };

  void forward_one(std::span<const Images> x, std::span<float* const> y, const PackedParameters& packed, Memory& memory,
                   int64_t call);
  bool run_stage(size_t index, std::span<const Images> x, Part part, const PackedParameters& packed, Memory& memory,
                 int64_t call, InterruptWatch& watch);
  void forward_many(std::span<const Images> x, std::span<float* const> y, const PackedParameters& packed,
                    Memory& memory, int64_t call);
  void forward_phases(std::span<const Images> x, std::span<float* const> y, const PackedParameters& packed,
                      Memory& memory, int64_t call);
  void join(size_t node, int64_t samples, Memory& memory) const;
  void copy_outputs(const Slices& slices, int64_t first, int64_t count, int64_t to, std::span<float* const> y) const;
  void reserve_threads(Memory& memory, int threads) const;
  std::vector<StageRun> stage_runs(Memory& memory, ThreadMemory& own) const;

  std::unique_ptr<Plan> own_plan_;
  const Plan& plan_;
  std::vector<BoundSlot> bound_;
  std::vector<Stage> stages_;
  std::mutex mutex_;  // protects packed_ and pool_
  std::shared_ptr<const PackedParameters> packed_;
  std::vector<std::unique_ptr<Memory>> pool_;
};

}  // namespace cnncore
