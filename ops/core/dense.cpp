#include "core/dense.h"

#include <algorithm>

#include "core/isa.h"
#include "core/planning.h"
#include "core/scratch.h"
#include "core/sizes.h"
#include "core/thread_pool.h"

namespace keras_alexnet {
namespace {

// Bytes of the sums of a band: with a few groups of the kernel's rows they should stay
// in a second-level cache of 256 kB.
constexpr int64_t kSumBytes = 65536;
// Elements of the kernel in the smallest band: for less it is not worth waking a thread.
constexpr int64_t kBandElements = 65536;
// Bands for each thread, where they are wide. More than one, so that the others wait
// little for a thread that is slowed down by other work. But half a page or less of each
// row takes longer to read than all of it.
constexpr int64_t kBandsPerThread = 4;
constexpr int64_t kWide = 2048;  // columns

int64_t rows_together(const DenseRequest& request) {
  return std::min(request.x[0], kDenseRows);
}

int64_t sum_bytes(const DenseRequest& request) {
  return rows_together(request) * (request.dtype == DType::kFloat64 ? 8 : 4);
}

}  // namespace

Shape dense_shape(const DenseRequest& request) {
  return {request.x[0], request.kernel[1]};
}

// Between bands there are multiples of `width`, so that no band is narrower than that
// but the only one.
std::vector<std::pair<int64_t, int64_t>> dense_bands(const DenseRequest& request,
                                                     int64_t width, int threads) {
  const int64_t in = std::max<int64_t>(request.x[1], 1), out = request.bias[0];
  const int64_t units = std::max<int64_t>(out / width, 1);
  const int64_t most = std::max<int64_t>(kSumBytes / sum_bytes(request) / width, 1);
  const int64_t least = std::max<int64_t>(kBandElements / in / width, 1);
  const int64_t wide = std::min(threads * kBandsPerThread, out / kWide);
  const int64_t shared = std::min(std::max<int64_t>(threads, wide), units / least);
  const int64_t bands = std::max(ceiling(units, most), shared);
  std::vector<std::pair<int64_t, int64_t>> found;
  int64_t first = 0;
  for (int64_t i = 1; i <= bands; ++i) {
    const int64_t cut = units / bands * i + std::min(units % bands, i);
    const int64_t last = i == bands ? out : cut * width;
    found.push_back({first, last});
    first = last;
  }
  return found;
}

void dense(const DenseRequest& request, const void* x, const void* kernel,
           const void* bias, void* y) {
  if (elements_in(dense_shape(request)) == 0) return;
  const DenseKernel& chosen =
      active_kernels().dense[static_cast<int>(request.dtype)];
  const DensePlan plan{request.x[0], request.x[1], request.bias[0], x, kernel, bias,
                       y};
  ThreadPool& pool = ThreadPool::shared();
  const auto bands = dense_bands(request, chosen.width, pool.threads());
  pool.run(static_cast<int64_t>(bands.size()), [&](int64_t i) {
    const auto [first, last] = bands[static_cast<size_t>(i)];
    const int64_t columns = rounded_up(last - first, chosen.width);
    const Scratch scratch(static_cast<size_t>(product(columns, sum_bytes(request))));
    chosen.run(plan, first, last, scratch.data());
  });
}

}  // namespace keras_alexnet
