// Local response normalisation over a row of scratch memory. The gaps between towers
// hold zeros and are treated like channels, so the loops run over the whole row and
// need not know towers or pixels.
// With d = k + scale * (sum of squares over the window):
//   forward    y_f = v_f d_f^-beta
//   backward   dv_f = dy_f d_f^-beta
//                     - 2 scale beta v_f (sum over g with f in window(g) of u_g),
//              u_g = dy_g v_g d_g^(-beta-1).

#ifndef KERAS_ALEXNET_CORE_KERNELS_LRN_H_
#define KERAS_ALEXNET_CORE_KERNELS_LRN_H_

#include "core/kernels/plan.h"
#include "core/kernels/storage.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

// d^-beta, and 1/d for the gradient.
template <class A>
struct Powers {
  Pack<A> power;
  Pack<A> inverse;
};

template <class A>
struct AnyBeta {
  static KERAS_ALEXNET_INLINE Powers<A> of(Pack<A> d, const Plan& plan) {
    return {power<A>(d, static_cast<A>(-plan.beta)), 1 / d};
  }
};

// The paper's beta: d^-0.75 = r sqrt(r) with r = d^-0.5. With `kFullPrecision` the
// result has the precision of the accumulator; without it 14 bits, enough for storage
// with 8 bits (bfloat16) or 11 (float16).
template <class A, bool kFullPrecision>
struct ThreeQuarters {
  static KERAS_ALEXNET_INLINE Powers<A> of(Pack<A> d, const Plan&) {
    const Pack<A> r = 1 / square_root(d);
    return {r * square_root(r), r * r};
  }
};

#if defined(KERAS_ALEXNET_LEVEL_AVX512)

// AVX-512 estimates 1/sqrt to 14 bits, faster than it computes a root. One Newton
// step for p^-4 = d^3 doubles the bits, which is more than a float has; the products
// in it are powers of d between -3/4 and 3/4, so none overflows. Where the step
// computes 0 * infinity, which is NaN, r is the right result: infinity for d = 0, and
// 0 for d = infinity.
template <bool kFullPrecision>
struct ThreeQuarters<float, kFullPrecision> {
  static KERAS_ALEXNET_INLINE Powers<float> of(Pack<float> d, const Plan&) {
    const Pack<float> r = _mm512_rsqrt14_ps(d);
    Pack<float> p = r * (r * _mm512_rsqrt14_ps(r));
    if (!kFullPrecision) return {p == p ? p : r, r * r};
    const Pack<float> quarter = d * p;
    p += (0.25f * p) * (1.0f - (quarter * quarter) * (quarter * p));
    const Pack<float> better = r + (0.5f * r) * (1.0f - (d * r) * r);
    const Pack<float> root = better == better ? better : r;
    return {p == p ? p : r, root * root};
  }
};

#endif

// Sums of term(x) over f - before ... f + after for f = at ... at + lanes - 1, where
// `at` rises by one vector from call to call. A size that is known at compile time is
// unrolled; kSize 0 means any size.
template <int kSize, class A, class Term>
class Sums {
 public:
  Sums(const A*, int64_t before, int64_t after, Term term)
      : before_(kSize ? kSize / 2 : before),
        size_(kSize ? kSize : before + after + 1), term_(term) {}

  KERAS_ALEXNET_INLINE Pack<A> next(const A* at) {
    Pack<A> total{};
    for (int64_t j = 0; j < size_; ++j) {
      total += term_(load(at + (j - before_)));
    }
    return total;
  }

 private:
  const int64_t before_, size_;
  const Term term_;
};

#if defined(KERAS_ALEXNET_LEVEL_AVX512)

// Of five loads of 64 bytes at least four would cross a cache line. Instead each vector
// is loaded once, and registers are shifted. The sum x[f-2] + x[f-1] is the pair
// x[f] + x[f+1] of two elements before.
template <class A, class Term>
class Sums<5, A, Term> {
 public:
  Sums(const A* at, int64_t, int64_t, Term term)
      : term_(term), here_(term(load(at))) {
    const Pack<A> before = term(load(at - kLanes<A>));
    pairs_before_ = before + shifted<1, A>(before, here_);
  }

  KERAS_ALEXNET_INLINE Pack<A> next(const A* at) {
    const Pack<A> after = term_(load(at + kLanes<A>));
    const Pack<A> pairs = here_ + shifted<1, A>(here_, after);
    const Pack<A> total = shifted<kLanes<A> - 2, A>(pairs_before_, pairs) +
                          pairs + shifted<2, A>(here_, after);
    here_ = after;
    pairs_before_ = pairs;
    return total;
  }

 private:
  const Term term_;
  Pack<A> here_, pairs_before_;
};

#endif

template <int kSize>
struct Window {
  template <class A>
  static KERAS_ALEXNET_INLINE auto squares(const Plan& plan, const A* v) {
    const auto square = [](Pack<A> x) { return x * x; };
    return Sums<kSize, A, decltype(square)>(v, plan.below, plan.above, square);
  }

  // Sums over the g whose windows contain f: the mirrored window.
  template <class A>
  static KERAS_ALEXNET_INLINE auto mirrored(const Plan& plan, const A* u) {
    const auto identity = [](Pack<A> x) { return x; };
    return Sums<kSize, A, decltype(identity)>(u, plan.above, plan.below, identity);
  }
};

// `upcoming`, here and below, is memory to prefetch: see for_tensors().
template <class A, class Power, class Window, class S>
void normalise(const Plan& plan, const A* v, int64_t count, A* y,
               const S* upcoming) {
  auto squares = Window::squares(plan, v);
  const Pack<A> k = all(static_cast<A>(plan.k));
  const Pack<A> scale = all(static_cast<A>(plan.scale));
  for (int64_t i = 0; i < count; i += kLanes<A>) {
    const Pack<A> d = k + scale * squares.next(v + i);
    __builtin_prefetch(upcoming + i);
    store(y + i, load(v + i) * Power::of(d, plan).power);
  }
}

// The same, and keeps what the gradient needs: d^-beta and v d^(-beta-1).
template <class A, class Power, class Window, class S>
void normalise_keeping(const Plan& plan, const A* v, int64_t count, A* y,
                       A* powers, A* slopes, const S* upcoming) {
  auto squares = Window::squares(plan, v);
  const Pack<A> k = all(static_cast<A>(plan.k));
  const Pack<A> scale = all(static_cast<A>(plan.scale));
  for (int64_t i = 0; i < count; i += kLanes<A>) {
    const Pack<A> d = k + scale * squares.next(v + i);
    const Powers<A> of_d = Power::of(d, plan);
    __builtin_prefetch(upcoming + i);
    const Pack<A> normalised = load(v + i) * of_d.power;
    store(y + i, normalised);
    store(powers + i, of_d.power);
    store(slopes + i, normalised * of_d.inverse);
  }
}

// u = dy * slope, and 0 where v is 0, because there u is 0 in the formula. So the gaps
// stay zero, even if dy or slope is not a number there.
template <class A>
void flow(const A* v, const A* slopes, const A* dy, int64_t count, A* u) {
  for (int64_t i = 0; i < count; i += kLanes<A>) {
    const Pack<A> product = load(dy + i) * load(slopes + i);
    store(u + i, load(v + i) == 0 ? Pack<A>{} : product);
  }
}

// dv = dy * power - 2 scale beta v * (sum of u), and through the ReLU before the
// norm if `kRelu`.
template <bool kRelu, class A, class Window, class S>
void gather(const Plan& plan, const A* v, const A* powers, const A* u,
            const A* dy, int64_t count, A* dx, const S* upcoming) {
  auto sums = Window::mirrored(plan, u);
  const Pack<A> twice = all(static_cast<A>(2 * plan.scale * plan.beta));
  for (int64_t i = 0; i < count; i += kLanes<A>) {
    __builtin_prefetch(upcoming + i, 1);
    const Pack<A> x = load(v + i);
    const Pack<A> through_norm = twice * x * sums.next(u + i);
    const Pack<A> dv = load(dy + i) * load(powers + i) - through_norm;
    store(dx + i, kRelu ? relu_gradient(x, dv) : dv);
  }
}

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_LRN_H_
