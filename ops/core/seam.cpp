#include "core/seam.h"

#include <cstring>

#include "core/isa.h"
#include "core/planning.h"
#include "core/scratch.h"
#include "core/thread_pool.h"

namespace keras_alexnet {
namespace {

// Calls `work(band, scratch)` for each band, on the threads of the pool.
template <class Work>
void over_bands(const std::vector<Band>& bands, size_t scratch_bytes, Work work) {
  ThreadPool::shared().run(static_cast<int64_t>(bands.size()), [&](int64_t i) {
    const Scratch scratch(scratch_bytes);
    work(bands[static_cast<size_t>(i)], scratch.data());
  });
}

const Kernel& kernel_for(DType dtype) {
  return active_kernels().kernels[static_cast<int>(dtype)];
}

int threads() { return ThreadPool::shared().threads(); }

// The exchange alone: bytes are copied, whatever their type. A tower has two places,
// in its map and in the joined maps: `kFrom` is the one to read, `kTo` to write.
template <Place Tower::*kFrom, Place Tower::*kTo>
void copy_towers(const Request& request, const void* const* from,
                 void* const* to) {
  Planned planned = plan_for(request);
  const size_t element = bytes_of(request.dtype);
  const auto copy = [&](const Band& band, void*) {
    for (int64_t pixel = band.first; pixel < band.last; ++pixel) {
      for (const Tower& tower : planned.towers) {
        if (tower.channels == 0) continue;
        const Place &source = tower.*kFrom, &target = tower.*kTo;
        std::memcpy(
            static_cast<char*>(to[target.tensor]) +
                static_cast<size_t>(pixel * target.stride + target.offset) * element,
            static_cast<const char*>(from[source.tensor]) +
                static_cast<size_t>(pixel * source.stride + source.offset) * element,
            static_cast<size_t>(tower.channels) * element);
      }
    }
  };
  over_bands(forward_bands(planned.plan, threads()), 0, copy);
}

}  // namespace

void cross_connect(const Request& request, const void* const* maps,
                   void* joined) {
  if (is_empty(request)) return;
  if (only_joins(request)) {
    return copy_towers<&Tower::map, &Tower::joined>(request, maps, &joined);
  }
  Planned planned = plan_for(request);
  Plan& plan = planned.plan;
  plan.towers = planned.towers.data();
  const Kernel& kernel = kernel_for(request.dtype);
  over_bands(forward_bands(plan, threads()), planned.forward_scratch,
             [&](const Band& band, void* scratch) {
               kernel.forward(plan, maps, joined, band, scratch);
             });
}

void cross_connect_gradient(const Request& request, const void* const* maps,
                            const void* gradient, void* const* map_gradients) {
  if (is_empty(request)) return;
  if (only_joins(request)) {
    return copy_towers<&Tower::joined, &Tower::map>(request, &gradient,
                                                    map_gradients);
  }
  Planned planned = plan_for(request);
  Plan& plan = planned.plan;
  plan.towers = planned.towers.data();
  const Kernel& kernel = kernel_for(request.dtype);
  over_bands(gradient_bands(plan, threads()), planned.gradient_scratch,
             [&](const Band& band, void* scratch) {
               kernel.gradient(plan, maps, gradient, map_gradients, band,
                               scratch);
             });
}

// Safe if no band reads maps that another band overwrites. Only pooling windows that
// reach over the end of a band do so, and there are none if bands are whole images.
bool gradient_works_in_place(const Request& request) {
  const bool whole_images = request.maps[0][0] >= threads();
  return only_joins(request) || !request.stages.pool.on() || whole_images;
}

}  // namespace keras_alexnet
