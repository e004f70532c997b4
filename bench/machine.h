// Measures the highest speeds of this machine, with which the benchmarks compare what they measure.
#pragma once

#include <string>

#include "cnncore/precision.h"

namespace cnncore::bench {

/// GFLOP/s of fused multiply-adds in registers, on as many threads as the library uses. Returns the best of several
/// bursts of 2 ms, because disturbances only make a burst slower. For another precision than float32 it measures
/// products of tiles whose operands stay in the nearest cache, if the instruction set has a unit for them.
double peak_gflops(const std::string& isa, Precision precision, int bursts);

/// GB/s of copying arrays that are far larger than the caches, on as many threads. Read and written bytes both count.
double memory_bandwidth();

}  // namespace cnncore::bench
