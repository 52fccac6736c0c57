// Which instruction set the kernels run on, chosen when the program runs.

#ifndef KERAS_ALEXNET_CORE_ISA_H_
#define KERAS_ALEXNET_CORE_ISA_H_

#include <string>
#include <vector>

#include "core/kernels/plan.h"

namespace keras_alexnet {

// The tables of kernels in this build that this processor can run, best first.
std::vector<const KernelTable*> usable_kernels();

// The best of them, or the one that KERAS_ALEXNET_ISA names (avx512_bf16, avx512,
// avx2, neon or baseline). The variable is for tests; a name that cannot be used is ignored.
const KernelTable& active_kernels();

// Selects kernels by name, for tests. Returns false if this processor or this build
// does not have them.
bool use_kernels(const std::string& name);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_ISA_H_
