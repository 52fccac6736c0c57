// Which instruction set the kernels run on, chosen when the program runs.

#ifndef KERAS_ALEXNET_CORE_ISA_H_
#define KERAS_ALEXNET_CORE_ISA_H_

#include <string>
#include <vector>

#include "core/kernels/plan.h"

namespace keras_alexnet {

// The tables that this build holds and this processor can run, best first.
std::vector<const KernelTable*> usable_kernels();

// The best of them, or the one that KERAS_ALEXNET_ISA names (avx512, avx2 or
// baseline). The variable is for tests; a name that cannot be had is passed over.
const KernelTable& active_kernels();

// For tests: false if this processor or this build has no such kernels.
bool use_kernels(const std::string& name);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_ISA_H_
