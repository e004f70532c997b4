// Runs a test on every instruction set that this build and this machine have, and says which ones the machine lacks.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cnncore/runtime.h"
#include "runtime/dispatch.h"

namespace testing {

/// The instruction sets compiled for this architecture.
inline std::vector<std::string> built_isas() {
#if defined(__x86_64__)
  return {"scalar", "avx2", "avx512", "avx512_bf16", "amx"};
#elif defined(__aarch64__)
  return {"scalar", "neon"};
#else
  return {"scalar"};
#endif
}

/// Selects one instruction set after the other and calls f(kernels) for each; then selects the first one again.
template <class Function>
void for_each_isa(Function f) {
  const std::string before = cnncore::isa();
  const std::vector<std::string> available = cnncore::available_isas();
  for (const std::string& name : built_isas()) {
    if (std::find(available.begin(), available.end(), name) == available.end()) {
      MESSAGE("SKIPPED on ", name, ": this machine cannot run it");
      continue;
    }
    cnncore::set_isa(name);
    CAPTURE(name);
    f(cnncore::kernels());
  }
  cnncore::set_isa(before);
}

}  // namespace testing
