// What this machine could do at best: the roofs under which the benchmarks are read.
#pragma once

#include <string>

#include "cnncore/precision.h"

namespace cnncore::bench {

/// GFLOP/s of fused multiply-adds in registers, on as many threads as the library uses; the best of some bursts of 2
/// ms, because what disturbs a burst only makes it slower. In another precision than float32: of the products of tiles
/// whose operands stay in the nearest cache, where the ISA has a unit for them.
double peak_gflops(const std::string& isa, Precision precision, int bursts);

/// GB/s of copying arrays far larger than the caches, read and written bytes counted, on as many threads.
double memory_bandwidth();

}  // namespace cnncore::bench
