// One step of an update rule: weights, and what is kept beside them, by a gradient, in
// one pass over memory. Nothing here knows TensorFlow.

#ifndef KERAS_ALEXNET_CORE_UPDATE_H_
#define KERAS_ALEXNET_CORE_UPDATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/seam.h"

namespace keras_alexnet {

// With g the gradient times f, for each element:
//   kMomentum  w, v       v' = m v - e (g + c w),  w' = k w + v'
//   kNesterov  w, v       the same v',             w' = k w + m v' - e (g + c w)
//   kAdam      w, m, v    m' = m + (1 - p) (g - m),  v' = v + (1 - q) (g^2 - v),
//                         w' = k w - e m' / (sqrt(v') + s)
// and with g what is averaged:
//   kAverage   a          a' = a + p (g - a)
// The first of the state are the weights, or the average itself.
enum class UpdateRule { kMomentum, kNesterov, kAdam, kAverage };

// A rule by its name: momentum, nesterov, adam or average. False if there is none.
bool find_rule(const std::string& name, UpdateRule& rule);

// One call. All is float32, but the gradient may be bfloat16: that of a layer which
// computes in bfloat16, so that it need not be widened in memory. `numbers` are the letters of the rule: f, e, m, c, k for
// kMomentum and kNesterov, f, e, p, q, s, k for kAdam, p for kAverage. The last one more:
// 0 leaves the state as it is, whatever the gradient.
struct UpdateRequest {
  UpdateRule rule = UpdateRule::kMomentum;
  std::vector<Shape> state;
  DType type = DType::kFloat32;  // of the gradient
  Shape gradient, numbers;
};

// What is wrong: the message names the shapes. Empty if nothing is.
std::string fault_in(const UpdateRequest& request);

// `updated` has one pointer for each of the state; the first may be the gradient's, and
// each may be that of its own state. The request must have no fault.
void update(const UpdateRequest& request, const float* const* state,
            const void* gradient, const float* numbers, float* const* updated);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_UPDATE_H_
