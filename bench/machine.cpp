#include "machine.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <stdexcept>
#include <vector>

#include "cnncore/runtime.h"
#include "runtime/buffer.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore::bench {

// One for each instruction set for which peak_loop.cpp is compiled.
using PeakLoop = int64_t(int64_t iterations, float* sink);
PeakLoop peak_loop_scalar;
#if defined(__x86_64__)
PeakLoop peak_loop_avx2, peak_loop_avx512;
#elif defined(__aarch64__)
PeakLoop peak_loop_neon;
#endif

namespace {

template <class Function>
double least_seconds(int bursts, Function f) {
  double least = 1e9;
  for (int i = 0; i < bursts; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

PeakLoop* peak_loop(const std::string& isa) {
  const std::map<std::string, PeakLoop*> loops = {
      {"scalar", peak_loop_scalar},
#if defined(__x86_64__)
      {"avx2", peak_loop_avx2},          {"avx512", peak_loop_avx512},
      {"avx512_bf16", peak_loop_avx512}, {"amx", peak_loop_avx512},
#elif defined(__aarch64__)
      {"neon", peak_loop_neon},
#endif
  };
  const auto found = loops.find(isa);
  if (found == loops.end()) throw std::invalid_argument("no peak loop for " + isa);
  return found->second;
}

double tile_gflops(int bursts) {
  constexpr int64_t rows = 96, cols = 32, steps = 64;
  const int threads = num_threads();
  const std::vector<int32_t> nowhere(steps);
  const Buffer<uint16_t> a(rows * kTileTerms), b(2 * kTileSize);
  const Buffer<float> c(threads * rows * cols);
  constexpr int64_t calls = 100;
  const double seconds = least_seconds(bursts, [&] {
    parallel_for_on(threads, threads, [&](int64_t i, int) {
      for (int64_t call = 0; call < calls; ++call)
        kernels().tile_product({.a = a.data(),
                                .lda = kTileTerms,
                                .a_step = nowhere.data(),
                                .b = b.data(),
                                .b_block = kTileSize,
                                .b_step = nowhere.data(),
                                .rows = rows,
                                .cols = cols,
                                .steps = steps,
                                .c = c.data() + i * rows * cols,
                                .ldc = cols,
                                .accumulate = false});
    });
  });
  return static_cast<double>(2 * rows * cols * steps * kTileTerms * calls * threads) / seconds / 1e9;
}

}  // namespace

double peak_gflops(const std::string& isa, Precision precision, int bursts) {
  if (precision != Precision::float32 && isa != "scalar") {
    set_isa(isa);
    if (kernels().tile_product) return tile_gflops(bursts);
  }
  PeakLoop* loop = peak_loop(isa);
  constexpr int64_t iterations = 1'000'000;
  const int threads = num_threads();
  Buffer<float> sinks(threads * 16);  // a cache line for each thread
  int64_t flops = 0;
  const double seconds = least_seconds(bursts, [&] {
    parallel_for_on(threads, threads, [&](int64_t i, int) {
      const int64_t each = loop(iterations, sinks.data() + i * 16);
      if (i == 0) flops = each;
    });
  });
  return static_cast<double>(flops * iterations * threads) / seconds / 1e9;
}

double memory_bandwidth() {
  constexpr int64_t size = 128 << 20;  // far larger than any cache
  const int threads = num_threads();
  const Buffer<char> from(size), to(size);
  const int64_t part = size / threads;
  const double seconds = least_seconds(10, [&] {
    parallel_for_on(threads, threads,
                    [&](int64_t i, int) { std::memcpy(to.data() + i * part, from.data() + i * part, part); });
  });
  return 2.0 * static_cast<double>(part * threads) / seconds / 1e9;
}

}  // namespace cnncore::bench
