// The forward pass of the op over one band, in one pass over the maps.

#ifndef KERAS_ALEXNET_CORE_KERNELS_FORWARD_H_
#define KERAS_ALEXNET_CORE_KERNELS_FORWARD_H_

#include "core/kernels/lrn.h"
#include "core/kernels/pool.h"
#include "core/kernels/rows.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

// Normalisation switched off (NoNorm), or on (Norm) with a way to compute d^-beta and
// a window.
struct NoNorm {
  static constexpr bool kOn = false;
};

template <class P, class W>
struct Norm {
  static constexpr bool kOn = true;
  using Power = P;
  using Window = W;
};

template <class S, class NormType, class Extent>
class Forward {
  using A = Accumulator<S>;

 public:
  Forward(const Plan& plan, const void* const* maps, void* joined, void* scratch)
      : plan_(plan), maps_(maps), joined_(joined), rows_(plan, scratch) {
    v_ = rows_.take_zeroed();
    y_ = NormType::kOn ? rows_.take() : v_;
  }

  // Without pooling: pixels are independent.
  void pixels(int64_t begin, int64_t end) {
    for_blocks(plan_, end - begin, [&](int64_t first, int64_t pixels) {
      normalise_block(begin + first, pixels, y_);
      store_joined<S>(plan_, y_, begin + first, pixels, joined_);
    });
  }

  // With pooling: rows of the output, each map row normalised once.
  void pooled_rows(int64_t image, int64_t first, int64_t last) {
    Ring<A> ring{rows_.take(), plan_.row_stride, plan_.pool_height};
    int64_t next = 0;
    for (int64_t out = first; out < last; ++out) {
      const int64_t top = out * plan_.stride_height;
      for (next = next < top ? top : next; next < top + plan_.pool_height; ++next) {
        normalise_row((image * plan_.height + next) * plan_.width);
        pool_along_row<A, Extent>(plan_, y_, ring[next]);
      }
      pool_rows<A, Extent>(plan_, ring, top, y_);
      store_joined<S>(plan_, y_, (image * plan_.out_height + out) * plan_.out_width,
                      plan_.out_width, joined_);
    }
  }

 private:
  void normalise_row(int64_t pixel) {
    for_blocks(plan_, plan_.width, [&](int64_t first, int64_t pixels) {
      normalise_block(pixel + first, pixels, y_ + first * plan_.pixel);
    });
  }

  void normalise_block(int64_t pixel, int64_t count, A* y) {
    if constexpr (NormType::kOn) {
      load_maps<S>(plan_, maps_, pixel, count, v_);
      for_tensors<S>(plan_, maps_, pixel + count, count * plan_.pixel,
                     [&](int64_t first, int64_t elements, const S* upcoming) {
                       normalise<A, typename NormType::Power,
                                 typename NormType::Window>(
                           plan_, v_ + first, elements, y + first, upcoming);
                     });
    } else {
      load_maps<S>(plan_, maps_, pixel, count, y);
    }
  }

  const Plan& plan_;
  const void* const* maps_;
  void* joined_;
  Rows<A> rows_;
  A* v_;
  A* y_;
};

template <class S, class NormType, class Extent>
void forward_band(const Plan& plan, const void* const* maps, void* joined,
                  const Band& band, void* scratch) {
  Forward<S, NormType, Extent> forward(plan, maps, joined, scratch);
  if (plan.pooling) {
    forward.pooled_rows(band.image, band.first, band.last);
  } else {
    forward.pixels(band.first, band.last);
  }
}

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_FORWARD_H_
