// The update rules, on some elements. What a rule reads is read once, and what it
// updates is written once, so the time is that of the memory.

#ifndef KERAS_ALEXNET_CORE_KERNELS_UPDATE_H_
#define KERAS_ALEXNET_CORE_KERNELS_UPDATE_H_

#include "core/kernels/plan.h"
#include "core/kernels/storage.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

// A rule has its numbers in the order of `UpdateRule`, and changes a state in place.

struct Velocity {
  static constexpr int64_t kState = 1, kNumbers = 5;
  const Pack<float> factor, rate, momentum, coupled;

  explicit Velocity(const float* numbers)
      : factor(all(numbers[0])),
        rate(all(numbers[1])),
        momentum(all(numbers[2])),
        coupled(all(numbers[3])) {}

  KERAS_ALEXNET_INLINE void apply(Pack<float>* state, Pack<float> beside,
                                  Pack<float> gradient) const {
    state[0] = momentum * state[0] - rate * (factor * gradient + coupled * beside);
  }
};

struct Moved {
  static constexpr int64_t kState = 1, kNumbers = 2;
  const Pack<float> kept;

  explicit Moved(const float* numbers) : kept(all(numbers[0])) {}

  KERAS_ALEXNET_INLINE void apply(Pack<float>* state, Pack<float> beside,
                                  Pack<float>) const {
    state[0] = kept * state[0] + beside;
  }
};

struct Nesterov {
  static constexpr int64_t kState = 1, kNumbers = 3;
  const Pack<float> kept, momentum;

  explicit Nesterov(const float* numbers)
      : kept(all(numbers[0])), momentum(all(numbers[1])) {}

  KERAS_ALEXNET_INLINE void apply(Pack<float>* state, Pack<float> beside,
                                  Pack<float> before) const {
    state[0] = kept * state[0] + (beside + momentum * (beside - before));
  }
};

struct Adam {
  static constexpr int64_t kState = 3, kNumbers = 7;
  const Pack<float> factor, rate, first, second, small, kept;

  explicit Adam(const float* numbers)
      : factor(all(numbers[0])),
        rate(all(numbers[1])),
        first(all(1 - numbers[2])),
        second(all(1 - numbers[3])),
        small(all(numbers[4])),
        kept(all(numbers[5])) {}

  KERAS_ALEXNET_INLINE void apply(Pack<float>* state, Pack<float>,
                                  Pack<float> gradient) const {
    gradient *= factor;
    state[1] += first * (gradient - state[1]);
    state[2] += second * (gradient * gradient - state[2]);
    state[0] = kept * state[0] - rate * state[1] / (square_root(state[2]) + small);
  }
};

struct Average {
  static constexpr int64_t kState = 1, kNumbers = 2;
  const Pack<float> part;

  explicit Average(const float* numbers) : part(all(numbers[0])) {}

  KERAS_ALEXNET_INLINE void apply(Pack<float>* state, Pack<float>,
                                  Pack<float> gradient) const {
    state[0] += part * (gradient - state[0]);
  }
};

// The elements that fill whole vectors. Returns the first of the rest.
template <bool kStreams, class Rule, class G>
KERAS_ALEXNET_INLINE int64_t update_vectors(const UpdatePlan& plan, const Rule& rule,
                                            const G* gradient, int64_t first,
                                            int64_t last) {
  constexpr int64_t lanes = kLanes<float>;
  Pack<float> state[Rule::kState];
  int64_t i = first;
  for (; i + lanes <= last; i += lanes) {
    for (int64_t s = 0; s < Rule::kState; ++s) state[s] = load(plan.state[s] + i);
    rule.apply(state, load(plan.beside + i), load(gradient + i));
    for (int64_t s = 0; s < Rule::kState; ++s) {
      if constexpr (kStreams) {
        stream(plan.updated[s] + i, state[s]);
      } else {
        store(plan.updated[s] + i, state[s]);
      }
    }
  }
  return i;
}

// What is updated is far larger than the caches, and is read again in the next step.
template <class Rule, class G>
void update_elements(const UpdatePlan& plan, int64_t first, int64_t last) {
  const Rule rule(plan.numbers);
  const G* gradient = static_cast<const G*>(plan.gradient);
  bool streams = true;
  for (int64_t s = 0; s < Rule::kState; ++s) {
    const uintptr_t to = (uintptr_t)(plan.updated[s] + first);
    streams = streams && to % KERAS_ALEXNET_VECTOR_BYTES == 0;
  }
  int64_t i = first;
  if (streams) {
    i = update_vectors<true>(plan, rule, gradient, first, last);
    end_streams();
  } else {
    i = update_vectors<false>(plan, rule, gradient, first, last);
  }
  Pack<float> state[Rule::kState];
  const int64_t left = last - i;
  if (left == 0) return;
  for (int64_t s = 0; s < Rule::kState; ++s) {
    state[s] = load_first(plan.state[s] + i, left);
  }
  rule.apply(state, load_first(plan.beside + i, left), load_first(gradient + i, left));
  for (int64_t s = 0; s < Rule::kState; ++s) {
    store_first(plan.updated[s] + i, state[s], left);
  }
}

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_UPDATE_H_
