// Sizes that would wrap: nothing is allocated, so every case is a matter of numbers.
// UndefinedBehaviorSanitizer finds the products that wrap.

#include <stdexcept>

#include "core/planning.h"
#include "core/seam.h"
#include "tests/cases.h"
#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

constexpr int64_t kMost = INT64_MAX;
constexpr int64_t kHuge = int64_t{1} << 62;

Request request_of(const std::vector<Shape>& maps) {
  Request request;
  request.dtype = DType::kBfloat16;
  request.towers = static_cast<int64_t>(maps.size());
  request.maps = maps;
  return request;
}

bool names_shapes(const std::string& message, const Request& request) {
  return message.find(described(request)) != std::string::npos;
}

// The message of the error that planning throws.
std::string planning_error(const Request& request) {
  try {
    plan_for(request);
  } catch (const std::length_error& error) {
    return error.what();
  }
  return "none";
}

TEST(shapes_of_too_many_bytes_are_a_fault_that_names_them) {
  const std::vector<std::vector<Shape>> cases = {
      {{0, 1, 1, kHuge}, {0, 1, 1, kHuge}},
      {{1, 1, 1, 0}, {1, 1, 1, kMost}, {1, 1, 1, kMost}},
      {{1, 1, 1, kHuge}},
      {{kMost, kMost, 1, 1}},
      {{1LL << 32, 1LL << 32, 1, 1}},
      {{2, 1LL << 31, 1LL << 31, 1}},
      {{1, 1, 1LL << 60, 2}, {1, 1, 1LL << 60, 2}},
  };
  for (const std::vector<Shape>& maps : cases) {
    const Request request = request_of(maps);
    const Context context(describe(request));
    CHECK(names_shapes(fault_in(request), request));
  }
}

TEST(windows_of_too_much_scratch_memory_are_an_error_that_names_them) {
  Request request = request_of({{1, 1LL << 40, 1, 1LL << 20}});
  CHECK(fault_in(request).empty());
  CHECK(planning_error(request) == "none");
  request.stages.pool = {1LL << 40, 1, 1, 1};
  CHECK(fault_in(request).empty());
  CHECK(names_shapes(planning_error(request), request));
  // A high window of one pixel, and a row that is too wide.
  request.maps = {{1, kHuge / 2, 1, 1}};
  request.stages.pool = {kHuge / 2, 1, 1, 1};
  CHECK(names_shapes(planning_error(request), request));
  request.maps = {{1, 1, kHuge / 2, 1}};
  request.stages.pool = {1, kHuge / 2, 1, kMost};
  CHECK(names_shapes(planning_error(request), request));
  // The gaps of the norm are as wide as the widest tower.
  request = request_of({{1, 1, 1, kHuge / 4}, {1, 1, 1, 1}, {1, 1, 1, 1}});
  request.stages.lrn.size = kMost;
  CHECK(names_shapes(planning_error(request), request));
  // So many towers that no list can hold them.
  request = request_of({{1, 1, 1, kHuge / 2}});
  request.towers = kHuge / 2;
  request.stages.lrn.size = 5;
  CHECK(names_shapes(planning_error(request), request));
}

TEST(the_largest_windows_and_strides_are_computed) {
  Random random(11);
  Request request = request_of({{2, 3, 4, 5}, {2, 3, 4, 6}});
  request.dtype = DType::kFloat32;
  for (const int64_t size : {kHuge, kMost - 1, kMost}) {
    request.stages.lrn.size = size;
    for (const int64_t stride : {int64_t{1}, kHuge, kMost}) {
      request.stages.pool = {3, 2, stride, stride};
      const Context context(describe(request));
      const std::vector<Numbers> maps = random_maps(random, request, 1);
      Request wide = request;  // no more than 6 maps on either side
      wide.stages.lrn.size = 20;
      const double error =
          relative_error(run_forward(request, maps), reference_forward(wide, maps));
      CHECK(error <= 1e-6);
      Numbers gradient(static_cast<size_t>(elements_in(joined_shape(request))), 1);
      const auto found = run_gradient(request, maps, gradient);
      const auto expected = reference_gradient(wide, maps, gradient);
      for (size_t t = 0; t < maps.size(); ++t) {
        CHECK(relative_error(found[t], expected[t]) <= 1e-5);
      }
    }
  }
}

// Without an early return these would cut a band for each picture, and take hours.
TEST(empty_maps_of_any_extent_take_no_time) {
  const std::vector<Shape> shapes = {
      {kMost, 1, 1, 0},         {kHuge, kHuge, kHuge, 0}, {0, kMost, kMost, kMost},
      {1LL << 31, 3, 0, kHuge}, {kMost, 0, 3, 4},
  };
  Stages off;
  off.relu = false;
  Stages all;
  all.lrn.size = kMost;
  for (const Shape& shape : shapes) {
    for (const Stages& stages : {off, Stages(), all}) {
      Request request = request_of({shape});
      request.stages = stages;
      const Context context(describe(request));
      CHECK(fault_in(request).empty());
      const void* maps[] = {nullptr};
      void* gradients[] = {nullptr};
      cross_connect(request, maps, nullptr);
      cross_connect_gradient(request, maps, nullptr, gradients);
    }
  }
  Request pooled = request_of({{kMost, kMost, kMost, 0}});
  pooled.stages.pool = {kMost, kMost, kMost, kMost};
  CHECK((joined_shape(pooled) == Shape{kMost, 1, 1, 0}));
  cross_connect_gradient(pooled, nullptr, nullptr, nullptr);
}

// Whatever the number of threads, each pixel and row is in one band.
void check_bands(const std::vector<Band>& bands, int64_t count) {
  int64_t next = 0;
  for (const Band& band : bands) {
    CHECK(band.first == next && band.last > band.first);
    next = band.last;
  }
  CHECK(next == count);
}

TEST(bands_cover_the_longest_maps) {
  for (const int threads : {1, 2, 7, 512}) {
    const Context context(std::to_string(threads) + " threads");
    Request request = request_of({{kHuge / 2 - 3, 1, 1, 1}});
    check_bands(forward_bands(plan_for(request).plan, threads), kHuge / 2 - 3);
    request.maps = {{1, kHuge / 2 - 3, 1, 1}};
    request.stages.pool = {1, 1, 1, 1};
    check_bands(forward_bands(plan_for(request).plan, threads), kHuge / 2 - 3);
    check_bands(gradient_bands(plan_for(request).plan, threads), kHuge / 2 - 3);
  }
}

}  // namespace
}  // namespace testing
}  // namespace keras_alexnet
