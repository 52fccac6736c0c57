// Copies between dense tensors and rows of scratch memory. The last vector of a tower
// may reach beyond the tower. It writes zeros there, into a gap or where the next tower
// will be written; therefore pixels and towers are always visited in rising order.

#ifndef KERAS_ALEXNET_CORE_KERNELS_ROWS_H_
#define KERAS_ALEXNET_CORE_KERNELS_ROWS_H_

#include "core/kernels/plan.h"
#include "core/kernels/storage.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

// Divides scratch memory into rows; a row is a pointer to its first pixel.
template <class A>
class Rows {
 public:
  Rows(const Plan& plan, void* scratch)
      : plan_(plan), next_(static_cast<A*>(scratch)) {}

  A* take() {
    A* row = next_ + plan_.margin;
    next_ += plan_.row_stride;
    return row;
  }

  // For rows whose gaps and margins the windowed sum reads.
  A* take_zeroed() {
    memset(next_, 0, static_cast<size_t>(plan_.row_stride) * sizeof(A));
    return take();
  }

 private:
  const Plan& plan_;
  A* next_;
};

// Cuts `count` pixels into blocks and calls body(first, pixels) for each.
template <class Body>
KERAS_ALEXNET_INLINE void for_blocks(const Plan& plan, int64_t count, Body body) {
  for (int64_t first = 0; first < count; first += plan.block) {
    const int64_t left = count - first;
    body(first, left < plan.block ? left : plan.block);
  }
}

// Splits a loop over `count` elements into one part for each tensor of maps, and calls
// body(first, elements, address), where `address` is that of pixel `pixel` in the
// tensor. The body prefetches the memory there: the processor loads it during the
// arithmetic, before it is needed.
template <class S, class Body>
KERAS_ALEXNET_INLINE void for_tensors(const Plan& plan, const void* const* tensors,
                                      int64_t pixel, int64_t count, Body body) {
  constexpr int64_t kLane = kLanes<Accumulator<S>>;
  const int64_t last = plan.towers[plan.tower_count - 1].map.tensor;
  const int64_t part = (count / (last + 1) / kLane + 1) * kLane;
  for (int64_t t = 0, first = 0; first < count; ++t, first += part) {
    const int64_t left = count - first;
    body(first, left < part ? left : part,
         static_cast<const S*>(tensors[t]) + pixel * plan.towers[t].map.stride);
  }
}

template <bool kRelu, class S, class A>
KERAS_ALEXNET_INLINE void load_channels(const S* from, int64_t channels, A* to) {
  int64_t i = 0;
  for (; i + kLanes<A> <= channels; i += kLanes<A>) {
    store(to + i, kRelu ? relu(load(from + i)) : load(from + i));
  }
  if (i == channels) return;
  const Pack<A> last = load_first(from + i, channels - i);
  store(to + i, kRelu ? relu(last) : last);
}

template <bool kRelu, class A, class S>
KERAS_ALEXNET_INLINE void store_channels(const A* from, int64_t channels, S* to) {
  int64_t i = 0;
  for (; i + kLanes<A> <= channels; i += kLanes<A>) {
    store(to + i, kRelu ? relu(load(from + i)) : load(from + i));
  }
  if (i == channels) return;
  const Pack<A> last = load(from + i);
  store_first(to + i, kRelu ? relu(last) : last, channels - i);
}

// `kPlace` selects a tower's place: in its map or in the joined maps.
template <bool kRelu, Place Tower::*kPlace, class S, class A>
void load_row(const Plan& plan, const void* const* tensors, int64_t pixel,
              int64_t count, A* row) {
  for (int64_t p = 0; p < count; ++p, row += plan.pixel) {
    for (int64_t t = 0; t < plan.tower_count; ++t) {
      const Tower& tower = plan.towers[t];
      const Place& place = tower.*kPlace;
      const S* from = static_cast<const S*>(tensors[place.tensor]) +
                      (pixel + p) * place.stride + place.offset;
      load_channels<kRelu>(from, tower.channels, row + tower.slot);
    }
  }
}

template <bool kRelu, Place Tower::*kPlace, class S, class A>
void store_row(const Plan& plan, const A* row, int64_t pixel, int64_t count,
               void* const* tensors) {
  for (int64_t p = 0; p < count; ++p, row += plan.pixel) {
    for (int64_t t = 0; t < plan.tower_count; ++t) {
      const Tower& tower = plan.towers[t];
      const Place& place = tower.*kPlace;
      S* to = static_cast<S*>(tensors[place.tensor]) +
              (pixel + p) * place.stride + place.offset;
      store_channels<kRelu>(row + tower.slot, tower.channels, to);
    }
  }
}

template <class S, class A>
void load_maps(const Plan& plan, const void* const* maps, int64_t pixel,
               int64_t count, A* row) {
  if (plan.relu_first) {
    load_row<true, &Tower::map, S>(plan, maps, pixel, count, row);
  } else {
    load_row<false, &Tower::map, S>(plan, maps, pixel, count, row);
  }
}

template <class S, class A>
void store_joined(const Plan& plan, const A* row, int64_t pixel, int64_t count,
                  void* joined) {
  if (plan.relu_last) {
    store_row<true, &Tower::joined, S>(plan, row, pixel, count, &joined);
  } else {
    store_row<false, &Tower::joined, S>(plan, row, pixel, count, &joined);
  }
}

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_ROWS_H_
