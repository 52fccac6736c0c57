// Steps of update rules: weights, and what is kept beside them, by a gradient, with as
// little memory and as few passes over it as there can be. Nothing here knows
// TensorFlow.

#ifndef KERAS_ALEXNET_CORE_UPDATE_H_
#define KERAS_ALEXNET_CORE_UPDATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/seam.h"

namespace keras_alexnet {

// What a rule computes for each element, from its state, one tensor beside it and the
// gradient g, with its numbers in their order:
//   kVelocity  v; w; g       v' = m v - e (f g + c w)            f, e, m, c
//   kMoved     w; v'; v      w' = k w + v'                       k
//   kNesterov  w; v'; v      w' = k w + v' + m (v' - v)          k, m
//   kAdam      w, m, v; ; g  m' = m + (1 - p) (f g - m),         f, e, p, q, s, k
//                            v' = v + (1 - q) ((f g)^2 - v),
//                            w' = k w - e m' / (sqrt(v') + s)
//   kAverage   a; ; w        a' = a + p (w - a)                  p
// Momentum takes two calls, for then no memory is needed that is not there: v' may be
// in that of g, and once it is the velocity, w' may be in that of the old one, the
// gradient of the second call. (Nesterov's w' is k w + m v' - e (f g + c w): the last
// term is v' - m v.)
enum class UpdateRule { kVelocity, kMoved, kNesterov, kAdam, kAverage };

// A rule by its name: velocity, moved, nesterov, adam or average. False if there is
// none.
bool find_rule(const std::string& name, UpdateRule& rule);

// One call. All is float32, but the gradient may be bfloat16: that of a layer which
// computes in bfloat16, so that it need not be widened in memory. `beside` is not read
// by a rule that has nothing there. `numbers` has one more than the rule: 0 leaves the
// state as it is, whatever the gradient.
struct UpdateRequest {
  UpdateRule rule = UpdateRule::kVelocity;
  std::vector<Shape> state;
  Shape beside;
  DType type = DType::kFloat32;  // of the gradient
  Shape gradient, numbers;
};

// What is wrong: the message names the shapes. Empty if nothing is.
std::string fault_in(const UpdateRequest& request);

// `updated` has one pointer for each of the state; the first may be the gradient's, and
// each may be that of its own state. The request must have no fault.
void update(const UpdateRequest& request, const float* const* state,
            const float* beside, const void* gradient, const float* numbers,
            float* const* updated);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_UPDATE_H_
