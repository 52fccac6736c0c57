// The product of a few rows with a large matrix, over a band of its columns.
//
// With few rows the time is that of reading the matrix. So each of its elements is read
// once, where it is: the libraries of matrix products first copy it into an order of
// their own, which takes longer than the product. Rows of the matrix are taken in
// groups; the sums of the band's columns stay in cache from group to group.

#ifndef KERAS_ALEXNET_CORE_KERNELS_DENSE_H_
#define KERAS_ALEXNET_CORE_KERNELS_DENSE_H_

#include "core/kernels/plan.h"
#include "core/kernels/storage.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

constexpr int kGroup = 8;  // rows of the matrix that are in registers together

// Vectors of a block side by side: as many as leave no register in memory.
#if defined(KERAS_ALEXNET_LEVEL_AVX512) || defined(KERAS_ALEXNET_LEVEL_NEON)
constexpr int kAcross = 2;
#else
constexpr int kAcross = 1;
#endif

template <class S>
constexpr int64_t kWidth = kAcross * kLanes<Accumulator<S>>;

// The columns of a band in blocks of `width`. The last block ends with the band and may
// overlap the block before; both then have the same sums of the columns they share.
struct Blocks {
  int64_t first, last, width;

  int64_t count() const { return (last - first + width - 1) / width; }
  int64_t column(int64_t block) const {
    const int64_t next = first + block * width;
    return next + width <= last || last < width ? next : last - width;
  }
};

// Asks for the same columns of the next group of rows: no prefetcher follows so many
// rows at once from page to page. Into the second-level cache: rows of a power of two of
// bytes are in the same few sets of a first-level one, and would evict each other.
template <class S>
KERAS_ALEXNET_INLINE void fetch_row(const S* from, int64_t width) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(S));
  for (int64_t i = 0; i < width; i += kLine) __builtin_prefetch(from + i, 0, 2);
}

// Vector `v` of a block; where y is narrower than a block, what there is of it.
template <bool kNarrow, class S>
KERAS_ALEXNET_INLINE auto load_columns(const S* block, int v, int64_t out) {
  constexpr int64_t lanes = kLanes<Accumulator<S>>;
  if constexpr (kNarrow) {
    const int64_t left = out - v * lanes;
    const int64_t count = left < 0 ? 0 : left < lanes ? left : lanes;
    return load_first(count ? block + v * lanes : block, count);
  } else {
    return load(block + v * lanes);
  }
}

template <bool kNarrow, class S>
KERAS_ALEXNET_INLINE void store_columns(S* block, int v, int64_t out,
                                        Pack<Accumulator<S>> pack) {
  constexpr int64_t lanes = kLanes<Accumulator<S>>;
  if constexpr (kNarrow) {
    const int64_t left = out - v * lanes;
    if (left > 0) store_first(block + v * lanes, pack, left < lanes ? left : lanes);
  } else {
    store(block + v * lanes, pack);
  }
}

template <class S>
class DenseBand {
  using A = Accumulator<S>;
  static constexpr int64_t kStride =
      kLanes<A> > kGroup ? int64_t{kLanes<A>} : int64_t{kGroup};

 public:
  DenseBand(const DensePlan& plan, Blocks blocks, int64_t row, int64_t rows,
            void* scratch)
      : plan_(plan), blocks_(blocks), rows_(rows), sums_(static_cast<A*>(scratch)) {
    x_ = static_cast<const S*>(plan.x) + row * plan.in;
    y_ = static_cast<S*>(plan.y) + row * plan.out;
    memset(scratch, 0,
           static_cast<size_t>(blocks.count() * rows * blocks.width) * sizeof(A));
  }

  template <bool kNarrow>
  void multiply() {
    int64_t i = 0;
    for (; i + kGroup <= plan_.in; i += kGroup) add<kGroup, kNarrow>(i);
    for (; i < plan_.in; ++i) add<1, kNarrow>(i);
  }

  template <bool kNarrow>
  void finish() const {
    const S* bias = static_cast<const S*>(plan_.bias);
    for (int64_t block = 0; block < blocks_.count(); ++block) {
      const int64_t column = blocks_.column(block);
      const A* sum = sums_ + block * rows_ * blocks_.width;
      for (int64_t r = 0; r < rows_; ++r) {
        for (int v = 0; v < kAcross; ++v, sum += kLanes<A>) {
          const Pack<A> added =
              load(sum) + load_columns<kNarrow>(bias + column, v, plan_.out);
          store_columns<kNarrow>(y_ + r * plan_.out + column, v, plan_.out, added);
        }
      }
    }
  }

 private:
  // Adds the products with rows i ... i + kCount - 1 of the matrix.
  template <int kCount, bool kNarrow>
  void add(int64_t i) {
    A factors[kDenseRows * kStride];
    for (int64_t r = 0; r < rows_; ++r) {
      for (int k = 0; k < kCount; k += kLanes<A>) {
        const int count = kCount - k < kLanes<A> ? kCount - k : kLanes<A>;
        store(factors + r * kStride + k,
              load_first(x_ + r * plan_.in + i + k, count));
      }
    }
    const S* row = static_cast<const S*>(plan_.kernel) + i * plan_.out;
    const bool more = i + kCount + kGroup <= plan_.in;
    for (int64_t block = 0; block < blocks_.count(); ++block) {
      const S* from = row + blocks_.column(block);
      Pack<A> weights[kCount][kAcross];
      for (int k = 0; k < kCount; ++k) {
        for (int v = 0; v < kAcross; ++v) {
          weights[k][v] = load_columns<kNarrow>(from + k * plan_.out, v, plan_.out);
        }
      }
      if (kCount == kGroup && more) {
        for (int k = kGroup; k < 2 * kGroup; ++k) {
          fetch_row(from + k * plan_.out, kWidth<S>);
        }
      }
      A* sum = sums_ + block * rows_ * kWidth<S>;
      for (int64_t r = 0; r < rows_; ++r, sum += kWidth<S>) {
        const A* factor = factors + r * kStride;
        Pack<A> total[kAcross];
        for (int v = 0; v < kAcross; ++v) total[v] = load(sum + v * kLanes<A>);
        for (int k = 0; k < kCount; ++k) {
          const Pack<A> here = all(factor[k]);
          for (int v = 0; v < kAcross; ++v) total[v] += here * weights[k][v];
        }
        for (int v = 0; v < kAcross; ++v) store(sum + v * kLanes<A>, total[v]);
      }
    }
  }

  const DensePlan& plan_;
  const Blocks blocks_;
  const int64_t rows_;
  const S* x_;
  S* y_;
  A* sums_;
};

// Calls `go(first, count)` for each set of rows that read the matrix together.
template <class Go>
KERAS_ALEXNET_INLINE void for_row_sets(const DensePlan& plan, Go go) {
  for (int64_t row = 0; row < plan.rows; row += kDenseRows) {
    const int64_t left = plan.rows - row;
    go(row, left < kDenseRows ? left : kDenseRows);
  }
}

template <class S>
void dense_columns(const DensePlan& plan, int64_t first, int64_t last,
                   void* scratch) {
  for_row_sets(plan, [&](int64_t row, int64_t rows) {
    DenseBand<S> band(plan, {first, last, kWidth<S>}, row, rows, scratch);
    if (plan.out < kWidth<S>) {
      band.template multiply<true>();
      band.template finish<true>();
    } else {
      band.template multiply<false>();
      band.template finish<false>();
    }
  });
}

#if defined(KERAS_ALEXNET_LEVEL_AVX512)

// bfloat16 where the processor multiplies it: VDPBF16PS adds the products of two
// neighbours to a float32. So two rows of the matrix are interleaved in registers; x has
// its neighbours side by side as it is. It flushes subnormal numbers to zero.
//
// The attribute, and not a flag for the whole file: the compiler may use such
// instructions nowhere else.
#define KERAS_ALEXNET_PAIRS __attribute__((target("avx512bf16")))

constexpr int64_t kPairWidth = 32;
static_assert(kPairWidth == kWidth<Bfloat16>, "finish() takes blocks of this width");

template <bool kNarrow>
KERAS_ALEXNET_INLINE __m512i load_row(const Bfloat16* from, int64_t out) {
  Bfloat16 padded[kPairWidth] = {};
  memcpy(padded, from, (kNarrow ? static_cast<size_t>(out) : kPairWidth) * 2);
  return _mm512_loadu_si512(padded);
}

// Adds the products with kPairs pairs of rows, of which the last lacks its second
// row if kOdd.
template <int kPairs, bool kOdd, bool kNarrow>
KERAS_ALEXNET_PAIRS void add_pairs(const DensePlan& plan, const Blocks& blocks,
                                   const Bfloat16* x, int64_t rows, int64_t i,
                                   float* sums) {
  uint32_t factors[kDenseRows * kPairs] = {};
  for (int64_t r = 0; r < rows; ++r) {
    memcpy(factors + r * kPairs, x + r * plan.in + i,
           sizeof(Bfloat16) * (2 * kPairs - kOdd));
  }
  const Bfloat16* row = static_cast<const Bfloat16*>(plan.kernel) + i * plan.out;
  const bool more = kPairs == kGroup && i + 4 * kPairs <= plan.in;
  for (int64_t block = 0; block < blocks.count(); ++block) {
    const Bfloat16* from = row + blocks.column(block);
    __m512i low[kPairs], high[kPairs];
    for (int k = 0; k < kPairs; ++k) {
      const __m512i first = load_row<kNarrow>(from + 2 * k * plan.out, plan.out);
      const bool lacking = kOdd && k == kPairs - 1;
      const __m512i second =
          lacking ? _mm512_setzero_si512()
                  : load_row<kNarrow>(from + (2 * k + 1) * plan.out, plan.out);
      low[k] = _mm512_unpacklo_epi16(first, second);
      high[k] = _mm512_unpackhi_epi16(first, second);
    }
    if (more) {
      for (int k = 2 * kPairs; k < 4 * kPairs; ++k) {
        fetch_row(from + k * plan.out, kPairWidth);
      }
    }
    float* sum = sums + block * rows * kPairWidth;
    for (int64_t r = 0; r < rows; ++r, sum += kPairWidth) {
      __m512 lower = _mm512_loadu_ps(sum), upper = _mm512_loadu_ps(sum + 16);
      for (int k = 0; k < kPairs; ++k) {
        const __m512bh here =
            (__m512bh)_mm512_set1_epi32(static_cast<int>(factors[r * kPairs + k]));
        lower = _mm512_dpbf16_ps(lower, here, (__m512bh)low[k]);
        upper = _mm512_dpbf16_ps(upper, here, (__m512bh)high[k]);
      }
      _mm512_storeu_ps(sum, lower);
      _mm512_storeu_ps(sum + 16, upper);
    }
  }
}

// The sums of a block as the unpacking has ordered them, four columns from here and
// four from there, in the order of the columns.
KERAS_ALEXNET_INLINE void put_in_order(float* sums) {
  float ordered[kPairWidth];
  for (int part = 0; part < 4; ++part) {
    memcpy(ordered + 8 * part, sums + 4 * part, 4 * sizeof(float));
    memcpy(ordered + 8 * part + 4, sums + 16 + 4 * part, 4 * sizeof(float));
  }
  memcpy(sums, ordered, sizeof ordered);
}

template <bool kNarrow>
void multiply_by_pairs(const DensePlan& plan, const Blocks& blocks, int64_t row,
                       int64_t rows, void* scratch) {
  DenseBand<Bfloat16> band(plan, blocks, row, rows, scratch);
  const Bfloat16* x = static_cast<const Bfloat16*>(plan.x) + row * plan.in;
  float* sums = static_cast<float*>(scratch);
  int64_t i = 0;
  for (; i + 2 * kGroup <= plan.in; i += 2 * kGroup) {
    add_pairs<kGroup, false, kNarrow>(plan, blocks, x, rows, i, sums);
  }
  for (; i + 2 <= plan.in; i += 2) {
    add_pairs<1, false, kNarrow>(plan, blocks, x, rows, i, sums);
  }
  if (i < plan.in) add_pairs<1, true, kNarrow>(plan, blocks, x, rows, i, sums);
  for (int64_t block = 0; block < blocks.count() * rows; ++block) {
    put_in_order(sums + block * kPairWidth);
  }
  band.template finish<kNarrow>();
}

inline void dense_columns_by_pairs(const DensePlan& plan, int64_t first,
                                   int64_t last, void* scratch) {
  const Blocks blocks{first, last, kPairWidth};
  for_row_sets(plan, [&](int64_t row, int64_t rows) {
    if (plan.out < kPairWidth) {
      multiply_by_pairs<true>(plan, blocks, row, rows, scratch);
    } else {
      multiply_by_pairs<false>(plan, blocks, row, rows, scratch);
    }
  });
}

#endif

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_DENSE_H_
