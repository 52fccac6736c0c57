#include "core/planning.h"

#include <algorithm>

#include "core/sizes.h"

namespace keras_alexnet {
namespace {

// Elements of a block of pixels. The gradient works on six rows of a block at once,
// which should stay in a first-level cache of 32 kB.
constexpr int64_t kBlockElements = 1024;
// Elements of the smallest band: for less it is not worth waking a thread.
constexpr int64_t kBandElements = 16384;
// Bands for each thread. More than one, so that the others wait little for a thread
// that is slowed down by other work. But few, because map rows that two neighbouring
// bands need are computed twice when there is pooling.
constexpr int64_t kBandsPerThread = 4;

int64_t pooled(int64_t extent, int64_t window, int64_t stride) {
  return (extent - window) / stride + 1;
}

std::vector<int64_t> tower_channels(const Request& request) {
  std::vector<int64_t> channels;
  for (const Shape& shape : request.maps) channels.push_back(shape[3]);
  if (request.maps.size() > 1) return channels;
  // Without normalisation, or without channels, packed towers are like one tower.
  const bool separate = request.stages.lrn.size && channels[0];
  const int64_t towers = separate ? request.towers : 1;
  return std::vector<int64_t>(static_cast<size_t>(towers),
                              channels[0] / towers);
}

std::vector<Tower> towers_of(const Request& request, int64_t gap) {
  const bool packed = request.maps.size() == 1;
  const int64_t joined = joined_shape(request)[3];
  std::vector<Tower> towers;
  int64_t slot = 0, offset = 0;
  for (const int64_t channels : tower_channels(request)) {
    const Place in_joined{0, offset, joined};
    const Place own{static_cast<int64_t>(towers.size()), 0, channels};
    towers.push_back({channels, slot, packed ? in_joined : own, in_joined});
    slot = sum(slot, sum(channels, gap));
    offset += channels;
  }
  return towers;
}

void set_shape(const Request& request, Plan& plan) {
  const Shape out = joined_shape(request);
  plan.batch = out[0];
  plan.height = request.maps[0][1];
  plan.width = request.maps[0][2];
  plan.out_height = out[1];
  plan.out_width = out[2];
}

void set_norm(const Request& request, Plan& plan) {
  const Lrn& lrn = request.stages.lrn;
  const std::vector<int64_t> channels = tower_channels(request);
  const int64_t most = *std::max_element(channels.begin(), channels.end());
  // Beyond its tower a window only adds zeros, so it need not be wider than that.
  const int64_t reach = std::max<int64_t>(most - 1, 0);
  plan.normalise = lrn.size > 0;
  plan.below = plan.normalise ? std::min(lrn.size / 2, reach) : 0;
  plan.above =
      plan.normalise ? std::min(lrn.size - 1 - lrn.size / 2, reach) : 0;
  plan.k = lrn.k;
  plan.scale = lrn.mean && lrn.size ? lrn.alpha / static_cast<double>(lrn.size)
                                    : lrn.alpha;
  plan.beta = lrn.beta;
}

void set_order(const Stages& stages, Plan& plan) {
  const bool first = stages.activation_first || stages.lrn.size == 0;
  plan.relu_first = stages.relu && first;
  plan.relu_last = stages.relu && !first;
}

void set_pool(const Pool& pool, Plan& plan) {
  plan.pooling = pool.on();
  plan.pool_height = pool.height;
  plan.pool_width = pool.width;
  plan.stride_height = pool.stride_height;
  plan.stride_width = pool.stride_width;
}

void set_scratch(const std::vector<Tower>& towers, int64_t gap, Plan& plan) {
  plan.tower_count = static_cast<int64_t>(towers.size());
  plan.pixel = sum(towers.back().slot, sum(towers.back().channels, gap));
  const int64_t block = kBlockElements / std::max<int64_t>(plan.pixel, 1);
  plan.block = std::max<int64_t>(block, 1);
  const int64_t row = std::max(plan.pooling ? plan.width : 0, plan.block);
  plan.margin = sum(rounded_up(gap, kOverrun), kOverrun);
  plan.row_stride = sum(rounded_up(product(row, plan.pixel), kOverrun),
                        product(2, plan.margin));
}

size_t scratch_bytes(const Request& request, const Plan& plan,
                     const ScratchRows& rows) {
  const int64_t element = request.dtype == DType::kFloat64 ? 8 : 4;
  const int64_t ring = plan.pooling ? plan.pool_height : 1;
  const int64_t count = sum(product(rows.rings, ring), rows.more);
  return static_cast<size_t>(product(product(count, plan.row_stride), element));
}

// Also of the working memory, which grows with windows and towers.
std::string too_large(const Request& request) {
  return "maps, window and pool must be smaller: the sizes of their memory must be "
         "below 2^63, got " + described(request);
}

// Where the band `i` of `bands` begins.
int64_t cut_at(int64_t i, int64_t count, int64_t bands) {
  return count / bands * i + std::min(count % bands, i);
}

// Cuts 0 ... count - 1 of one image into up to `bands` bands, each of `least` or more.
void cut(int64_t image, int64_t count, int64_t bands, int64_t least,
         std::vector<Band>& into) {
  bands = std::max<int64_t>(1, std::min(bands, count / std::max<int64_t>(least, 1)));
  for (int64_t i = 0; i < bands; ++i) {
    const Band band{image, cut_at(i, count, bands), cut_at(i + 1, count, bands)};
    if (band.first < band.last) into.push_back(band);
  }
}

std::vector<Band> cut_rows(const Plan& plan, int64_t rows, int threads) {
  std::vector<Band> bands;
  if (plan.batch == 0) return bands;
  const int64_t bands_per_image =
      plan.batch >= threads ? 1 : ceiling(threads * kBandsPerThread, plan.batch);
  const int64_t row = std::max<int64_t>(product(plan.width, plan.pixel), 1);
  const int64_t least = std::max(ceiling(kBandElements, row), plan.pool_height);
  for (int64_t image = 0; image < plan.batch; ++image) {
    cut(image, rows, bands_per_image, least, bands);
  }
  return bands;
}

std::vector<Band> cut_pixels(const Plan& plan, int threads) {
  std::vector<Band> bands;
  const int64_t pixels = elements_in({plan.batch, plan.height, plan.width});
  cut(0, pixels, threads * kBandsPerThread,
      ceiling(kBandElements, std::max<int64_t>(plan.pixel, 1)), bands);
  return bands;
}

}  // namespace

size_t bytes_of(DType dtype) {
  if (dtype == DType::kFloat64) return 8;
  return dtype == DType::kFloat32 ? 4 : 2;
}

Shape joined_shape(const Request& request) {
  Shape shape = request.maps[0];
  for (size_t i = 1; i < request.maps.size(); ++i) {
    shape[3] = sum(shape[3], request.maps[i][3]);
  }
  const Pool& pool = request.stages.pool;
  if (pool.on()) {
    shape[1] = pooled(shape[1], pool.height, pool.stride_height);
    shape[2] = pooled(shape[2], pool.width, pool.stride_width);
  }
  return shape;
}

std::string fault_in_sizes(const Request& request) {
  const int64_t element = static_cast<int64_t>(bytes_of(request.dtype));
  try {
    for (const Shape& shape : request.maps) product(elements_in(shape), element);
    product(elements_in(joined_shape(request)), element);
  } catch (const TooLarge&) {
    return too_large(request);
  }
  return "";
}

bool is_empty(const Request& request) {
  return elements_in(joined_shape(request)) == 0;
}

namespace {

Planned planned_for(const Request& request) {
  Planned planned{};
  Plan& plan = planned.plan;
  set_shape(request, plan);
  set_norm(request, plan);
  set_order(request.stages, plan);
  set_pool(request.stages.pool, plan);
  const int64_t gap = std::max(plan.below, plan.above);
  planned.towers = towers_of(request, gap);
  set_scratch(planned.towers, gap, plan);
  planned.forward_scratch = scratch_bytes(request, plan, kForwardRows);
  planned.gradient_scratch = scratch_bytes(request, plan, kGradientRows);
  return planned;
}

}  // namespace

Planned plan_for(const Request& request) {
  try {
    return planned_for(request);
  } catch (const std::length_error&) {
    throw TooLarge(too_large(request));
  }
}

bool only_joins(const Request& request) {
  const Stages& stages = request.stages;
  return !stages.relu && stages.lrn.size == 0 && !stages.pool.on();
}

std::vector<Band> forward_bands(const Plan& plan, int threads) {
  return plan.pooling ? cut_rows(plan, plan.out_height, threads)
                      : cut_pixels(plan, threads);
}

std::vector<Band> gradient_bands(const Plan& plan, int threads) {
  return plan.pooling ? cut_rows(plan, plan.height, threads)
                      : cut_pixels(plan, threads);
}

}  // namespace keras_alexnet
