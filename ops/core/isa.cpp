#include "core/isa.h"

#include <atomic>
#include <cstdlib>

#if defined(KERAS_ALEXNET_X86)
#include <cpuid.h>
#elif defined(KERAS_ALEXNET_ARM) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace keras_alexnet {
namespace {

#if defined(KERAS_ALEXNET_X86)
// Asked of the processor, not by __builtin_cpu_supports: what that reads is empty in the
// library of Zig's compiler. The bits are those of CPUID in the Intel 64 manual, volume 2.
struct Features {
  unsigned ecx1 = 0, ebx7 = 0;  // of leaf 1 and of leaf 7
  unsigned eax71 = 0;           // of leaf 7, subleaf 1
  unsigned saved = 0;           // the registers that the system saves, in XCR0
};

Features read_features() {
  Features found;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &found.ecx1, &edx)) return found;
  constexpr unsigned kSystemSaves = 1u << 27;  // OSXSAVE
  if (found.ecx1 & kSystemSaves) {
    asm("xgetbv" : "=a"(found.saved), "=d"(edx) : "c"(0));
  }
  if (!__get_cpuid_count(7, 0, &eax, &found.ebx7, &ecx, &edx)) return found;
  if (eax >= 1) __get_cpuid_count(7, 1, &found.eax71, &ebx, &ecx, &edx);
  return found;
}

bool all_of(unsigned found, unsigned bits) { return (found & bits) == bits; }

bool has_avx2(const Features& cpu) {
  constexpr unsigned kFma = 1u << 12, kAvx = 1u << 28, kF16c = 1u << 29;
  return all_of(cpu.saved, 0x6) && all_of(cpu.ecx1, kFma | kAvx | kF16c) &&
         all_of(cpu.ebx7, 1u << 5);
}

bool has_avx512(const Features& cpu) {
  constexpr unsigned kF = 1u << 16, kDq = 1u << 17, kBw = 1u << 30, kVl = 1u << 31;
  return has_avx2(cpu) && all_of(cpu.saved, 0xe6) &&
         all_of(cpu.ebx7, kF | kDq | kBw | kVl);
}

bool has_avx512_bf16(const Features& cpu) {
  return has_avx512(cpu) && all_of(cpu.eax71, 1u << 5);
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
  const Features cpu = read_features();
  if (has_avx512_bf16(cpu)) tables.push_back(&avx512_bf16_kernels());
  if (has_avx512(cpu)) tables.push_back(&avx512_kernels());
  if (has_avx2(cpu)) tables.push_back(&avx2_kernels());
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
