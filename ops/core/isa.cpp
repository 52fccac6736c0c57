#include "core/isa.h"

#include <atomic>
#include <cstdlib>

#if defined(KERAS_ALEXNET_ARM) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace keras_alexnet {
namespace {

#if defined(KERAS_ALEXNET_X86)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#elif defined(KERAS_ALEXNET_ARM)
// Linux reports what its kernel lets programs use. Apple's processors all have it.
bool has_neon() {
#if defined(__linux__)
  constexpr unsigned long kAdvancedSimd = 1 << 1;  // HWCAP_ASIMD
  return getauxval(AT_HWCAP) & kAdvancedSimd;
#else
  return true;
#endif
}
#endif

const KernelTable* find(const std::string& name) {
  for (const KernelTable* table : usable_kernels()) {
    if (name == table->name) return table;
  }
  return nullptr;
}

const KernelTable* chosen_at_start() {
  const char* name = std::getenv("KERAS_ALEXNET_ISA");
  const KernelTable* named = name ? find(name) : nullptr;
  return named ? named : usable_kernels().front();
}

std::atomic<const KernelTable*> active{chosen_at_start()};

}  // namespace

std::vector<const KernelTable*> usable_kernels() {
  std::vector<const KernelTable*> tables;
#if defined(KERAS_ALEXNET_X86)
  __builtin_cpu_init();
  if (has_avx512()) tables.push_back(&avx512_kernels());
  if (has_avx2()) tables.push_back(&avx2_kernels());
#elif defined(KERAS_ALEXNET_ARM)
  if (has_neon()) tables.push_back(&neon_kernels());
#endif
  tables.push_back(&baseline_kernels());
  return tables;
}

const KernelTable& active_kernels() { return *active; }

bool use_kernels(const std::string& name) {
  const KernelTable* table = find(name);
  if (table) active = table;
  return table != nullptr;
}

}  // namespace keras_alexnet
