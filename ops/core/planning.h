// From a request to what the kernels need: where everything is in memory, and how
// the work is cut into bands.

#ifndef KERAS_ALEXNET_CORE_PLANNING_H_
#define KERAS_ALEXNET_CORE_PLANNING_H_

#include <vector>

#include "core/kernels/plan.h"
#include "core/seam.h"

namespace keras_alexnet {

size_t bytes_of(DType dtype);

// A fault if the maps, each or joined, have 2^63 bytes or more.
std::string fault_in_sizes(const Request& request);

// Whether there is nothing to compute. Then the other extents may be of any size, so
// no plan can be made.
bool is_empty(const Request& request);

// A plan, the towers that it points to, and the bytes of scratch memory for a band.
struct Planned {
  Plan plan;
  std::vector<Tower> towers;
  size_t forward_scratch, gradient_scratch;
};

// Throws TooLarge, which names the shapes, if a size would be 2^63 or more. The caller
// sets `plan.towers`: only it knows where `towers` will be in memory.
Planned plan_for(const Request& request);

// Whether no stage is on: the maps are only joined, and the gradient only split.
bool only_joins(const Request& request);

std::vector<Band> forward_bands(const Plan& plan, int threads);
std::vector<Band> gradient_bands(const Plan& plan, int threads);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_PLANNING_H_
