// The four storage types, and conversions to and from accumulators. float64 is summed
// in float64, the others in float32. Rounding is to nearest, ties to even.

#ifndef KERAS_ALEXNET_CORE_KERNELS_STORAGE_H_
#define KERAS_ALEXNET_CORE_KERNELS_STORAGE_H_

#include "core/kernels/pack.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

struct Half {
  uint16_t bits;
};
struct Bfloat16 {
  uint16_t bits;
};

template <class S>
struct AccumulatorOf {
  using Type = float;
};
template <>
struct AccumulatorOf<double> {
  using Type = double;
};
template <class S>
using Accumulator = typename AccumulatorOf<S>::Type;

typedef uint16_t Words
    __attribute__((vector_size(KERAS_ALEXNET_VECTOR_BYTES / 2)));
typedef uint32_t Units __attribute__((vector_size(KERAS_ALEXNET_VECTOR_BYTES)));

template <class To, class From>
KERAS_ALEXNET_INLINE To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From), "types of the same size");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

KERAS_ALEXNET_INLINE Words load_words(const void* from) {
  Words words;
  memcpy(&words, from, sizeof words);
  return words;
}

// GCC 12 uses three instructions for a conversion to 64 bytes, where one exists.
KERAS_ALEXNET_INLINE Units widened(Words words) {
#if defined(KERAS_ALEXNET_LEVEL_AVX512)
  return bit_cast<Units>(_mm512_cvtepu16_epi32(bit_cast<__m256i>(words)));
#else
  return __builtin_convertvector(words, Units);
#endif
}

KERAS_ALEXNET_INLINE Pack<float> load(const Bfloat16* from) {
  return bit_cast<Pack<float>>(widened(load_words(from)) << 16);
}

KERAS_ALEXNET_INLINE void store(Bfloat16* to, Pack<float> pack) {
  const Units bits = bit_cast<Units>(pack);
  const Units rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Units quiet_nan = (bits >> 16) | 0x40;  // rounding could make it infinite
  const Words words =
      __builtin_convertvector(pack == pack ? rounded : quiet_nan, Words);
  memcpy(to, &words, sizeof words);
}

#if defined(KERAS_ALEXNET_LEVEL_AVX512)

KERAS_ALEXNET_INLINE Pack<float> load(const Half* from) {
  return _mm512_cvtph_ps(bit_cast<__m256i>(load_words(from)));
}

KERAS_ALEXNET_INLINE void store(Half* to, Pack<float> pack) {
  const __m256i words = _mm512_cvtps_ph(pack, _MM_FROUND_TO_NEAREST_INT);
  memcpy(to, &words, sizeof words);
}

#elif defined(KERAS_ALEXNET_LEVEL_AVX2)

KERAS_ALEXNET_INLINE Pack<float> load(const Half* from) {
  return _mm256_cvtph_ps(bit_cast<__m128i>(load_words(from)));
}

KERAS_ALEXNET_INLINE void store(Half* to, Pack<float> pack) {
  const __m128i words = _mm256_cvtps_ph(pack, _MM_FROUND_TO_NEAREST_INT);
  memcpy(to, &words, sizeof words);
}

#elif defined(KERAS_ALEXNET_LEVEL_NEON)

// Every AArch64 processor converts; only arithmetic on halves is an extension of it.
KERAS_ALEXNET_INLINE Pack<float> load(const Half* from) {
  return (Pack<float>)vcvt_f32_f16(bit_cast<float16x4_t>(load_words(from)));
}

KERAS_ALEXNET_INLINE void store(Half* to, Pack<float> pack) {
  const float16x4_t halves = vcvt_f16_f32((float32x4_t)pack);
  memcpy(to, &halves, sizeof halves);
}

#else

// IEEE 754 binary16 by hand: 5 bits of exponent (bias 15), 10 of fraction.
// 112 is the difference of the two formats' biases. Subnormal halves are computed by
// subtraction, which is right even if the thread flushes subnormal floats to zero.
KERAS_ALEXNET_INLINE Pack<float> load(const Half* from) {
  const Units half = widened(load_words(from));
  const Units body = (half & 0x7fff) << 13;
  const Units normal = body + (112u << 23);
  const Units infinite = normal + (112u << 23);
  const Units one_up = normal + (1u << 23);
  const Units subnormal = bit_cast<Units>(
      bit_cast<Pack<float>>(one_up) -
      bit_cast<Pack<float>>(Units{} + (113u << 23)));
  Units bits = (half & 0x7c00) == 0x7c00 ? infinite : normal;
  bits = (half & 0x7c00) == 0 ? subnormal : bits;
  return bit_cast<Pack<float>>(bits | ((half & 0x8000) << 16));
}

KERAS_ALEXNET_INLINE void store(Half* to, Pack<float> pack) {
  const Units bits = bit_cast<Units>(pack);
  const Units body = bits & 0x7fffffff;
  const Units normal = (body - (112u << 23) + 0xfff + ((body >> 13) & 1)) >> 13;
  // Adding 0.5 shifts the fraction to where binary16 has that of its subnormals.
  const Units subnormal =
      bit_cast<Units>(bit_cast<Pack<float>>(body) + 0.5f) - (126u << 23);
  Units half = body < (113u << 23) ? subnormal : normal;
  half = body >= (143u << 23) ? Units{} + 0x7c00 : half;
  half = body > (255u << 23) ? Units{} + 0x7e00 : half;
  const Words words =
      __builtin_convertvector(half | ((bits >> 16) & 0x8000), Words);
  memcpy(to, &words, sizeof words);
}

#endif

// The last channels of a tower, too few for a vector; the other lanes are zero.
template <class S>
KERAS_ALEXNET_INLINE auto load_first(const S* from, int64_t count) {
  S padded[kLanes<Accumulator<S>>] = {};
  memcpy(padded, from, static_cast<size_t>(count) * sizeof(S));
  return load(padded);
}

template <class S>
KERAS_ALEXNET_INLINE void store_first(S* to, Pack<Accumulator<S>> pack,
                                      int64_t count) {
  S padded[kLanes<Accumulator<S>>];
  store(padded, pack);
  memcpy(to, padded, static_cast<size_t>(count) * sizeof(S));
}

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_STORAGE_H_
