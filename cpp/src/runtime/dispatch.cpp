// Decides which kernels run: the best ones for this machine, or those that the user asks for. If the machine cannot run
// these, it is an error.
#include "runtime/dispatch.h"

#include <array>
#include <atomic>
#include <cstdlib>

#if defined(__linux__) && defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

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
bool has_avx512_bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

// The tiles of AMX are state that the system must save for each thread. So the system must support them (bits 17 and 18
// of XCR0), and must allow this process to use them. The process asks for that once, and its children have the
// permission too. It can be refused, for example if a thread has a stack for signals that is too small.
enum class Amx { absent, refused, ready };
Amx ask_for_amx() {
#if defined(__linux__)
  unsigned a, b, c, d;
  constexpr unsigned kOsxsave = 1u << 27, kTile = 1u << 24, kBf16 = 1u << 22;
  if (!has_avx512_bf16() || !__get_cpuid(1, &a, &b, &c, &d) || !(c & kOsxsave)) return Amx::absent;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & kTile) || !(d & kBf16)) return Amx::absent;
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr unsigned kTileState = 3u << 17;
  if ((low & kTileState) != kTileState) return Amx::refused;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0 ? Amx::ready : Amx::refused;
#else
  return Amx::absent;
#endif
}
Amx amx() {
  static const Amx state = ask_for_amx();
  return state;
}
bool has_amx() { return amx() == Amx::ready; }
#endif

struct Isa {
  const char* name;
  const Kernels& (*kernels)();  // null if this build does not contain them
  bool (*supported)();
};

// From the simplest to the fastest.
constexpr std::array kIsas = {
    Isa{"scalar", kernels_scalar, always},
#if defined(CNNCORE_HAVE_NEON)
    Isa{"neon", kernels_neon, always},  // every ARMv8 processor has it
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
#if defined(CNNCORE_HAVE_AVX512_BF16)
    Isa{"avx512_bf16", kernels_avx512_bf16, has_avx512_bf16},
#else
    Isa{"avx512_bf16", nullptr, nullptr},
#endif
#if defined(CNNCORE_HAVE_AMX)
    Isa{"amx", kernels_amx, has_amx},
#else
    Isa{"amx", nullptr, nullptr},
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

const Kernels& kernels_for_columns(const Kernels& k, int64_t columns) {
#if defined(CNNCORE_HAVE_AVX2)
  constexpr int64_t kWide = 16;
  if (k.width == kWide && 2 * columns <= kWide) return kernels_avx2();
#endif
  (void)columns;
  return k;
}

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

std::string bfloat16_unit() {
  const std::string name = isa();
  if (name == "amx") return name;
  std::string unit = name == "avx512_bf16" && kernels().tile_gain > 1.0 ? name : "float32";
#if defined(CNNCORE_HAVE_AMX)
  if (amx() == Amx::refused) unit += " (the CPU has AMX, but the system refuses its use)";
#endif
  return unit;
}

void set_isa(const std::string& name) { active.store(&find(name, "[set_isa] "), std::memory_order_release); }

}  // namespace cnncore
