// Which kernels run: the best this machine has, or the ones asked for; a request that cannot be met is an error.
#include "runtime/dispatch.h"

#include <array>
#include <atomic>
#include <cstdlib>

#include "cnncore/runtime.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

bool always() { return true; }

#if defined(CNNCORE_HAVE_AVX2)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
#endif
#if defined(CNNCORE_HAVE_AVX512)
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
}
#endif

struct Isa {
  const char* name;
  const Kernels& (*kernels)();  // null: not in this build
  bool (*supported)();
};

// From the plainest to the best.
constexpr std::array kIsas = {
    Isa{"scalar", kernels_scalar, always},
#if defined(CNNCORE_HAVE_NEON)
    Isa{"neon", kernels_neon, always},  // part of every ARMv8
#else
    Isa{"neon", nullptr, nullptr},
#endif
#if defined(CNNCORE_HAVE_AVX2)
    Isa{"avx2", kernels_avx2, has_avx2},
#else
    Isa{"avx2", nullptr, nullptr},
#endif
#if defined(CNNCORE_HAVE_AVX512)
    Isa{"avx512", kernels_avx512, has_avx512},
#else
    Isa{"avx512", nullptr, nullptr},
#endif
};

bool runs_here(const Isa& isa) { return isa.kernels && isa.supported(); }

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

const Kernels& find(const std::string& name, const char* asked_by) {
  for (const Isa& isa : kIsas) {
    if (name != isa.name) continue;
    check(runs_here(isa), asked_by, "this machine or build cannot run ", name, "; it can run ", join(available_isas()));
    return isa.kernels();
  }
  fail(asked_by, "expected one of ", join(available_isas()), ". Received: '", name, "'");
}

const Kernels& choose() {
  if (const char* name = std::getenv("CNNCORE_ISA"); name && *name) return find(name, "[CNNCORE_ISA] ");
  const Isa* best = &kIsas[0];
  for (const Isa& isa : kIsas)
    if (runs_here(isa)) best = &isa;
  return best->kernels();
}

std::atomic<const Kernels*> active{nullptr};

}  // namespace

const Kernels& kernels() {
  const Kernels* table = active.load(std::memory_order_acquire);
  if (!table) active.store(table = &choose(), std::memory_order_release);
  return *table;
}

std::string isa() { return kernels().name; }

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : kIsas)
    if (runs_here(isa)) names.emplace_back(isa.name);
  return names;
}

std::string bfloat16_unit() { return "float32"; }

void set_isa(const std::string& name) { active.store(&find(name, "[set_isa] "), std::memory_order_release); }

}  // namespace cnncore
