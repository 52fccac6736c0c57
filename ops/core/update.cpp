#include "core/update.h"

#include <algorithm>
#include <cstring>

#include "core/isa.h"
#include "core/sizes.h"
#include "core/thread_pool.h"

namespace keras_alexnet {
namespace {

// Elements in the smallest band: for fewer it is not worth waking a thread.
constexpr int64_t kBandElements = 65536;
// Bands for each thread: more than one, so that the others wait little for a thread that
// is slowed down by other work.
constexpr int64_t kBandsPerThread = 4;
// Bands begin at multiples of it, so that all are aligned as the tensors are.
constexpr int64_t kWidestVector = 16;

const char* const kNames[] = {"velocity", "moved", "nesterov", "adam", "average"};

}  // namespace

bool find_rule(const std::string& name, UpdateRule& rule) {
  for (int i = 0; i < kUpdateRules; ++i) {
    if (name != kNames[i]) continue;
    rule = static_cast<UpdateRule>(i);
    return true;
  }
  return false;
}

void update(const UpdateRequest& request, const float* const* state,
            const float* beside, const void* gradient, const float* numbers,
            float* const* updated) {
  const int64_t elements = elements_in(request.gradient);
  if (elements == 0) return;
  const UpdateKernel& chosen =
      active_kernels().updates[static_cast<int>(request.rule)];
  const UpdatePlan plan{state, beside, gradient, numbers, updated};
  const bool applied = numbers[chosen.numbers - 1] != 0;
  const bool narrow = request.type == DType::kBfloat16;
  const UpdateKernel::Run run = narrow ? chosen.narrow : chosen.wide;
  ThreadPool& pool = ThreadPool::shared();
  const int64_t bands =
      std::min(pool.threads() * kBandsPerThread, ceiling(elements, kBandElements));
  const int64_t each = rounded_up(ceiling(elements, bands), kWidestVector);
  pool.run(ceiling(elements, each), [&](int64_t i) {
    const int64_t first = i * each, last = std::min(first + each, elements);
    if (applied) return run(plan, first, last);
    for (int64_t s = 0; s < chosen.state; ++s) {
      std::memmove(updated[s] + first, state[s] + first,
                   static_cast<size_t>(last - first) * sizeof(float));
    }
  });
}

}  // namespace keras_alexnet
