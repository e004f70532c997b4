// Measures every op, forward and backward, for a table of shapes of small CNNs and on each instruction set. It prints
// the time, GFLOP/s beside the measured peak of the multiply-add units (for tiles of bfloat16 that of the tile unit, if
// the machine has one), and GB/s beside the measured bandwidth of the memory. Operations are counted by the definition
// of the op. So an algorithm that needs fewer, such as Winograd's, can exceed the peak, and data that stay in the
// caches can exceed the bandwidth of the memory. Each result is checked after timing, and the program fails if one is
// wrong.
//
//   bench_ops --benchmark_filter='conv2d/.*/avx2'        one op on one instruction set
//   OMP_NUM_THREADS=1 bench_ops --benchmark_out=ops.json  one thread; bench/roofline.py draws the file
#include <benchmark/benchmark.h>

#include <chrono>
#include <iostream>

#include "cases.h"
#include "cnncore/runtime.h"
#include "machine.h"

namespace cnncore::bench {
namespace {

bool all_correct = true;

void run(benchmark::State& state, const std::string& isa, double memory_gbs, const std::function<Case()>& make) {
  set_isa(isa);
  const Case c = make();
  c.call();  // so that memory has been touched and threads are awake
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) c.call();
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  const double nanoseconds = elapsed.count() / static_cast<double>(state.iterations());
  if (const std::string wrong = c.check(); !wrong.empty()) {
    all_correct = false;
    state.SkipWithError(wrong.c_str());
    return;
  }
  if (c.flops > 0.0) {
    state.counters["GFLOP/s"] = c.flops / nanoseconds;
    // The peak is measured now, because the clock of the CPU changes within minutes.
    state.counters["of_peak"] = c.flops / nanoseconds / peak_gflops(isa, c.precision, 3);
    state.counters["flop/byte"] = c.flops / c.bytes;
  }
  state.counters["GB/s"] = c.bytes / nanoseconds;
  state.counters["of_memory"] = c.bytes / nanoseconds / memory_gbs;
}

void add_all() {
  const double memory_gbs = memory_bandwidth();
  benchmark::AddCustomContext("threads", std::to_string(num_threads()));
  benchmark::AddCustomContext("memory_gbs", std::to_string(memory_gbs));
  std::vector<NamedCase> cases = conv2d_cases();
  for (auto more : {layer_cases, pixel_cases, vector_cases})
    for (NamedCase& c : more()) cases.push_back(std::move(c));
  for (const std::string& isa : available_isas()) {
    benchmark::AddCustomContext("peak_gflops_" + isa, std::to_string(peak_gflops(isa, Precision::float32, 20)));
    benchmark::AddCustomContext("peak_bfloat16_gflops_" + isa,
                                std::to_string(peak_gflops(isa, Precision::bfloat16, 20)));
    for (const NamedCase& c : cases)
      benchmark::RegisterBenchmark(
          (c.name + "/" + isa).c_str(),
          [isa, memory_gbs, make = c.make](benchmark::State& state) { run(state, isa, memory_gbs, make); })
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace
}  // namespace cnncore::bench

int main(int argc, char** argv) {
  try {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    cnncore::bench::add_all();
    benchmark::RunSpecifiedBenchmarks();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
  return cnncore::bench::all_correct ? 0 : 1;
}
