// Chooses the instance of a kernel that fits a plan. Compiled once for each
// instruction set, with the flags in build.py.

#include "core/kernels/dense.h"
#include "core/kernels/gradient.h"
#include "core/kernels/update.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {
namespace {

// Calls `go` with the types that fit the plan. The paper's constants (beta 0.75,
// size 5, pools of 3x3) have their own instances; all others use general ones.
template <class S, class Extent, class Go>
void with_norm(const Plan& plan, Go go) {
  using A = Accumulator<S>;
  using Paper = ThreeQuarters<A, sizeof(S) != 2>;
  const bool five = plan.below == 2 && plan.above == 2;
  if (!plan.normalise) {
    go(NoNorm(), Extent(plan));
  } else if (plan.beta != 0.75) {
    go(Norm<AnyBeta<A>, Window<0>>(), Extent(plan));
  } else if (five) {
    go(Norm<Paper, Window<5>>(), Extent(plan));
  } else {
    go(Norm<Paper, Window<0>>(), Extent(plan));
  }
}

template <class S, class Go>
void with_types(const Plan& plan, Go go) {
  if (plan.pool_height == 3 && plan.pool_width == 3) {
    with_norm<S, Extent<3>>(plan, go);
  } else {
    with_norm<S, Extent<0>>(plan, go);
  }
}

template <class S>
void forward(const Plan& plan, const void* const* maps, void* joined,
             const Band& band, void* scratch) {
  with_types<S>(plan, [&](auto norm, auto extent) {
    forward_band<S, decltype(norm), decltype(extent)>(plan, maps, joined, band,
                                                      scratch);
  });
}

template <class S>
void gradient(const Plan& plan, const void* const* maps, const void* joined,
              void* const* map_gradients, const Band& band, void* scratch) {
  with_types<S>(plan, [&](auto norm, auto extent) {
    gradient_band<S, decltype(norm), decltype(extent)>(
        plan, maps, joined, map_gradients, band, scratch);
  });
}

template <class S>
constexpr Kernel kernel_for = {forward<S>, gradient<S>};

template <class S>
constexpr DenseKernel dense_for = {dense_columns<S>, kWidth<S>};

template <class Rule>
constexpr UpdateKernel update_by = {update_elements<Rule, float>,
                                    update_elements<Rule, Bfloat16>, Rule::kState,
                                    Rule::kNumbers};

#define KERAS_ALEXNET_UPDATES                                                      \
  {                                                                                \
    update_by<Velocity>, update_by<Moved>, update_by<Nesterov>, update_by<Adam>,   \
        update_by<Average>                                                         \
  }

#define KERAS_ALEXNET_TEXT(name) #name
#define KERAS_ALEXNET_NAME(name) KERAS_ALEXNET_TEXT(name)

constexpr KernelTable kTable = {
    KERAS_ALEXNET_NAME(KERAS_ALEXNET_LEVEL),
    {kernel_for<float>, kernel_for<double>, kernel_for<Half>,
     kernel_for<Bfloat16>},
    {dense_for<float>, dense_for<double>, dense_for<Half>, dense_for<Bfloat16>},
    KERAS_ALEXNET_UPDATES};

#if defined(KERAS_ALEXNET_LEVEL_AVX512)
constexpr KernelTable kTableOfPairs = {
    "avx512_bf16",
    {kernel_for<float>, kernel_for<double>, kernel_for<Half>,
     kernel_for<Bfloat16>},
    {dense_for<float>, dense_for<double>, dense_for<Half>,
     {dense_columns_by_pairs, kPairWidth}},
    KERAS_ALEXNET_UPDATES};
#endif

}  // namespace
}  // namespace KERAS_ALEXNET_LEVEL

#if defined(KERAS_ALEXNET_LEVEL_AVX512)
const KernelTable& avx512_kernels() { return avx512::kTable; }
const KernelTable& avx512_bf16_kernels() { return avx512::kTableOfPairs; }
#elif defined(KERAS_ALEXNET_LEVEL_AVX2)
const KernelTable& avx2_kernels() { return avx2::kTable; }
#elif defined(KERAS_ALEXNET_LEVEL_NEON)
const KernelTable& neon_kernels() { return neon::kTable; }
#else
const KernelTable& baseline_kernels() { return baseline::kTable; }
#endif

}  // namespace keras_alexnet
