// A vector register of accumulators, in the compiler's vector extension (GCC and
// Clang), so that one source serves every instruction set. The few operations that the
// extension lacks are added here. Everything is in a namespace named after the
// instruction set, because this header is compiled once for each.

#ifndef KERAS_ALEXNET_CORE_KERNELS_PACK_H_
#define KERAS_ALEXNET_CORE_KERNELS_PACK_H_

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(KERAS_ALEXNET_LEVEL_NEON)
#include <arm_neon.h>
#endif

#if defined(KERAS_ALEXNET_LEVEL_AVX512)
#define KERAS_ALEXNET_LEVEL avx512
#define KERAS_ALEXNET_VECTOR_BYTES 64
#elif defined(KERAS_ALEXNET_LEVEL_AVX2)
#define KERAS_ALEXNET_LEVEL avx2
#define KERAS_ALEXNET_VECTOR_BYTES 32
#elif defined(KERAS_ALEXNET_LEVEL_NEON)
#define KERAS_ALEXNET_LEVEL neon
#define KERAS_ALEXNET_VECTOR_BYTES 16
#else
#define KERAS_ALEXNET_LEVEL baseline
#define KERAS_ALEXNET_VECTOR_BYTES 16
#endif

#define KERAS_ALEXNET_INLINE inline __attribute__((always_inline))

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

template <class A>
struct PackOf;

template <>
struct PackOf<float> {
  typedef float Type __attribute__((vector_size(KERAS_ALEXNET_VECTOR_BYTES)));
  typedef int32_t Bits __attribute__((vector_size(KERAS_ALEXNET_VECTOR_BYTES)));
};

template <>
struct PackOf<double> {
  typedef double Type __attribute__((vector_size(KERAS_ALEXNET_VECTOR_BYTES)));
  typedef int64_t Bits __attribute__((vector_size(KERAS_ALEXNET_VECTOR_BYTES)));
};

template <class A>
using Pack = typename PackOf<A>::Type;
template <class A>
using Bits = typename PackOf<A>::Bits;

template <class A>
constexpr int kLanes = KERAS_ALEXNET_VECTOR_BYTES / int(sizeof(A));

template <class A>
KERAS_ALEXNET_INLINE Pack<A> load(const A* from) {
  Pack<A> pack;
  memcpy(&pack, from, sizeof pack);
  return pack;
}

template <class A>
KERAS_ALEXNET_INLINE void store(A* to, Pack<A> pack) {
  memcpy(to, &pack, sizeof pack);
}

// Past the caches, to memory that nothing reads soon: a store into a cache reads the line
// first. `to` is at a multiple of the vector's bytes. Other threads may read what was
// stored so after end_streams().
KERAS_ALEXNET_INLINE void stream(float* to, Pack<float> pack) {
#if defined(KERAS_ALEXNET_LEVEL_AVX512)
  _mm512_stream_ps(to, (__m512)pack);
#elif defined(KERAS_ALEXNET_LEVEL_AVX2)
  _mm256_stream_ps(to, (__m256)pack);
#elif defined(__SSE2__)
  _mm_stream_ps(to, (__m128)pack);
#else
  store(to, pack);
#endif
}

KERAS_ALEXNET_INLINE void end_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

template <class A>
KERAS_ALEXNET_INLINE Pack<A> all(A value) {
  return value - Pack<A>{};
}

#if defined(KERAS_ALEXNET_LEVEL_AVX512)

// The lanes of `low` from kBy on, followed by the first kBy of `high`.
template <int kBy, class A>
KERAS_ALEXNET_INLINE Pack<A> shifted(Pack<A> low, Pack<A> high) {
  Pack<A> pack;
  const __m512i bits = _mm512_alignr_epi32(
      (__m512i)high, (__m512i)low, kBy * int(sizeof(A) / sizeof(int32_t)));
  memcpy(&pack, &bits, sizeof pack);
  return pack;
}

#endif

// NaN gives NaN, as in tf.nn.relu.
template <class P>
KERAS_ALEXNET_INLINE P relu(P x) {
  return x < 0 ? P{} : x;
}

// Zero where the output was not positive or was NaN, as in TensorFlow.
template <class P>
KERAS_ALEXNET_INLINE P relu_gradient(P output, P gradient) {
  return output > 0 ? gradient : P{};
}

// Where `value` replaces `most`, the largest of a pooling window so far: it is greater,
// or `most` is NaN and `value` is not. TensorFlow's pooling ignores NaN where the
// window also holds numbers; of equal values it takes the first.
template <class P>
KERAS_ALEXNET_INLINE auto exceeds(P value, P most) {
  return ~(value <= most) & (value == value);
}

template <class P>
KERAS_ALEXNET_INLINE P larger(P most, P value) {
  return exceeds(value, most) ? value : most;
}

// Builtins, because <cmath>'s overloads are inline functions of the standard library,
// which plan.h keeps out of the kernels.
KERAS_ALEXNET_INLINE float lane_root(float x) { return __builtin_sqrtf(x); }
KERAS_ALEXNET_INLINE double lane_root(double x) { return __builtin_sqrt(x); }
KERAS_ALEXNET_INLINE float lane_power(float x, float exponent) {
  return __builtin_powf(x, exponent);
}
KERAS_ALEXNET_INLINE double lane_power(double x, double exponent) {
  return __builtin_pow(x, exponent);
}

template <class A>
KERAS_ALEXNET_INLINE Pack<A> lane_square_root(Pack<A> x) {
  for (int i = 0; i < kLanes<A>; ++i) x[i] = lane_root(x[i]);
  return x;
}

KERAS_ALEXNET_INLINE Pack<float> square_root(Pack<float> x) {
#if defined(KERAS_ALEXNET_LEVEL_AVX512)
  return _mm512_sqrt_ps(x);
#elif defined(KERAS_ALEXNET_LEVEL_AVX2)
  return _mm256_sqrt_ps(x);
#elif defined(KERAS_ALEXNET_LEVEL_NEON)
  return (Pack<float>)vsqrtq_f32((float32x4_t)x);
#elif defined(__SSE2__)
  return _mm_sqrt_ps(x);
#else
  return lane_square_root<float>(x);
#endif
}

KERAS_ALEXNET_INLINE Pack<double> square_root(Pack<double> x) {
#if defined(KERAS_ALEXNET_LEVEL_AVX512)
  return _mm512_sqrt_pd(x);
#elif defined(KERAS_ALEXNET_LEVEL_AVX2)
  return _mm256_sqrt_pd(x);
#elif defined(KERAS_ALEXNET_LEVEL_NEON)
  return (Pack<double>)vsqrtq_f64((float64x2_t)x);
#elif defined(__SSE2__)
  return _mm_sqrt_pd(x);
#else
  return lane_square_root<double>(x);
#endif
}

template <class A>
KERAS_ALEXNET_INLINE Pack<A> power(Pack<A> x, A exponent) {
  for (int i = 0; i < kLanes<A>; ++i) x[i] = lane_power(x[i], exponent);
  return x;
}

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_PACK_H_
