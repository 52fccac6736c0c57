// From a request to what the kernels need: where everything lies, and how the
// work is cut into bands.

#ifndef KERAS_ALEXNET_CORE_PLANNING_H_
#define KERAS_ALEXNET_CORE_PLANNING_H_

#include <vector>

#include "core/kernels/plan.h"
#include "core/seam.h"

namespace keras_alexnet {

size_t bytes_of(DType dtype);

// A plan and the towers it points at.
struct Planned {
  Plan plan;
  std::vector<Tower> towers;
};

// `Planned::plan.towers` is set by the caller, who knows where it will lie.
Planned plan_for(const Request& request);

// No stage is on: the joining, or its gradient the splitting, is all.
bool only_joins(const Request& request);

std::vector<Band> forward_bands(const Plan& plan, int threads);
std::vector<Band> gradient_bands(const Plan& plan, int threads);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_PLANNING_H_
