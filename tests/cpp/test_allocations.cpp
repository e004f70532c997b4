// A training step, a product with curvature and a forward pass allocate no memory, except in the first calls. The test
// counts every allocation of the process.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "isas.h"
#include "networks.h"
#include "runtime/crew.h"

#if defined(__has_feature)
#define TEST_HAS_FEATURE(x) __has_feature(x)
#else
#define TEST_HAS_FEATURE(x) 0
#endif

namespace {
std::atomic<int64_t> allocations{0};
}

#if defined(__SANITIZE_ADDRESS__) || TEST_HAS_FEATURE(address_sanitizer)
// The allocator of a sanitizer calls a hook for each allocation.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, size_t),
                                                         void (*free_hook)(const volatile void*));
[[maybe_unused]] static const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, size_t) { ++allocations; }, [](const volatile void*) {});
#elif defined(__GLIBC__)
// These definitions replace those of the C library, also for operator new, std::aligned_alloc and libgomp.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void* malloc(size_t size) noexcept { return ++allocations, __libc_malloc(size); }
void* calloc(size_t count, size_t size) noexcept { return ++allocations, __libc_calloc(count, size); }
void* realloc(void* p, size_t size) noexcept { return ++allocations, __libc_realloc(p, size); }
void* memalign(size_t alignment, size_t size) noexcept { return ++allocations, __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) noexcept { return ++allocations, __libc_memalign(alignment, size); }
int posix_memalign(void** p, size_t alignment, size_t size) noexcept {
  ++allocations;
  *p = __libc_memalign(alignment, size);
  return *p ? 0 : 12;  // ENOMEM
}
}
#endif

using namespace cnncore;
using namespace testing;

namespace {

// Returns the number of allocations of f when it runs for the third time.
template <class Function>
int64_t allocated_by(Function f) {
  f(), f();
  const int64_t before = allocations;
  f();
  return allocations - before;
}

}  // namespace

TEST_CASE("the counter counts") {
  const auto counts = [](auto allocate, auto free) {
    const int64_t before = allocations;
    void* volatile kept = allocate();  // volatile, or the compiler removes the allocation and its release
    free(kept);
    return allocations == before + 1;
  };
  CHECK(counts([] { return std::malloc(8); }, [](void* p) { std::free(p); }));
  CHECK(counts([] { return std::aligned_alloc(64, 64); }, [](void* p) { std::free(p); }));
  CHECK(counts([] { return operator new(8); }, [](void* p) { operator delete(p); }));
}

namespace {

void check_steps(const Model& model, int64_t samples) {
  CAPTURE(model.name);
  Random random(95);
  ChainNetwork network = model.network();
  randomize(network, random);
  const Data data(network, samples, 1, random);
  Batch batch = data.batch(model), last = batch;
  std::vector<float> y(static_cast<size_t>(samples * data.outputs));
  Adam optimizer(network.parameter_count());
  batch.size = samples / 2 + 1, last.size = samples / 3;
  const auto step = [&](const Batch& b, float* to) { network.train_step(b, model.spec(), &optimizer, to); };
  CHECK(allocated_by([&] { step(batch, y.data()); }) == 0);
  CHECK(allocated_by([&] { step(batch, nullptr), step(last, nullptr); }) == 0);
  std::vector<float> v(static_cast<size_t>(network.parameter_count()), 0.5f), product(v.size());
  for (const CurvatureKind kind : {CurvatureKind::hessian, CurvatureKind::gauss_newton})
    CHECK(allocated_by([&] { network.curvature_product(kind, batch, model.spec(), v.data(), product.data()); }) == 0);
  CHECK(allocated_by([&] { network.forward(data.images(), y.data()); }) == 0);
  CHECK(allocated_by([&] { network.forward({data.bytes.data(), nullptr, 1}, y.data()); }) == 0);
}

}  // namespace

TEST_CASE("a steady-state training step, a product with curvature and a forward pass allocate nothing") {
  const int before = num_threads();
  for_each_isa([](const Kernels&) {
    for (const int threads : {1, 3}) {
      CAPTURE(threads);
      set_num_threads(threads);
      // The first crew of a thread allocates. The first steps have no crew if they come just after a wait for a core.
      with_crew(threads, [] {});
      for (const Model& model : models()) check_steps(model, 40);
      check_steps(large_model(), 3);
    }
  });
  set_num_threads(before);
}
