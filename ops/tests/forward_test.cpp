#include <cmath>

#include "tests/cases.h"
#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

// The error that rounding to storage allows, relative to the largest value.
double tolerance(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return 1e-14;
    case DType::kFloat16: return 1e-3;
    case DType::kBfloat16: return 5e-3;
    default: return 1e-6;
  }
}

void check_forward(const Request& request, const std::vector<Numbers>& maps) {
  const Context context(describe(request));
  const double error = relative_error(run_forward(request, maps),
                                      reference_forward(request, maps));
  CHECK_MESSAGE(error <= tolerance(request.dtype),
               "forward error " + std::to_string(error * 1e6) + "e-6");
}

Request paper_request(const Shape& shape, int64_t towers) {
  Request request;
  request.towers = towers;
  request.stages.lrn.size = 5;
  request.stages.pool = {3, 3, 2, 2};
  request.maps = {shape};
  return request;
}

TEST(forward_agrees_with_the_formula_on_random_requests) {
  on_every_level([] {
    Random random(1);
    for (int i = 0; i < 400; ++i) {
      const Request request = random_request(random, kDTypes[i % 4], 40);
      check_forward(request, random_maps(random, request, 20));
    }
  });
}

TEST(forward_agrees_on_many_channels) {
  on_every_level([] {
    Random random(2);
    for (int i = 0; i < 40; ++i) {
      const Request request = random_request(random, kDTypes[i % 4], 300);
      check_forward(request, random_maps(random, request, 20));
    }
  });
}

TEST(forward_agrees_for_every_channel_count_and_size) {
  on_every_level([] {
    Random random(3);
    for (int64_t channels = 1; channels <= 70; ++channels) {
      Request request = paper_request({1, 4, 5, 2 * channels}, 2);
      request.stages.lrn.size = channels % 9 + 1;
      request.stages.lrn.alpha = 0.01;
      check_forward(request, random_maps(random, request, 5));
    }
  });
}

TEST(forward_of_the_papers_seams_is_exact_to_float32) {
  on_every_level([] {
    Random random(4);
    for (const Shape& shape : {Shape{2, 55, 55, 96}, Shape{2, 27, 27, 256}}) {
      const Request request = paper_request(shape, 2);
      check_forward(request, random_maps(random, request, 100));
    }
  });
}

TEST(one_pixel_maps_and_empty_ones) {
  on_every_level([] {
    Random random(5);
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{3, 1, 1, 7},
                               Shape{0, 4, 4, 6}, Shape{2, 0, 4, 6},
                               Shape{2, 4, 0, 6}, Shape{2, 4, 4, 0}}) {
      for (const int64_t size : {0, 1, 5}) {
        Request request = paper_request(shape, 1);
        request.stages.pool = Pool();
        request.stages.lrn.size = size;
        check_forward(request, random_maps(random, request, 1));
      }
    }
  });
}

TEST(a_window_far_wider_than_its_tower_covers_all_of_it) {
  on_every_level([] {
    Random random(6);
    for (const int64_t size : {100LL, 1LL << 31, 1LL << 62}) {
      Request request = paper_request({2, 5, 5, 6}, 2);
      request.stages.lrn.size = size;
      request.stages.lrn.mean = true;
      request.stages.lrn.alpha = 1e9;
      check_forward(request, random_maps(random, request, 1));
    }
  });
}

TEST(strides_wider_than_the_pool_and_than_the_map) {
  on_every_level([] {
    Random random(7);
    for (const int64_t stride : {4LL, 1LL << 40}) {
      Request request = paper_request({2, 11, 11, 20}, 2);
      request.stages.pool = {2, 2, stride, stride};
      check_forward(request, random_maps(random, request, 20));
    }
  });
}

TEST(packed_towers_equal_separate_ones) {
  Random random(8);
  Request separate = paper_request({2, 7, 7, 10}, 2);
  separate.maps.push_back(separate.maps[0]);
  const std::vector<Numbers> maps = random_maps(random, separate, 20);
  Request packed = paper_request({2, 7, 7, 20}, 2);
  Numbers joined;
  for (size_t pixel = 0; pixel < 2 * 7 * 7; ++pixel) {
    for (const Numbers& map : maps) {
      joined.insert(joined.end(), map.begin() + pixel * 10,
                      map.begin() + pixel * 10 + 10);
    }
  }
  CHECK(run_forward(packed, {joined}) == run_forward(separate, maps));
}

TEST(equal_inputs_give_equal_outputs_at_any_position_in_a_vector) {
  on_every_level([] {
    Request request = paper_request({1, 3, 3, 61}, 1);
    request.stages.pool = Pool();
    const Numbers ones(3 * 3 * 61, 3.7);
    const Numbers found = run_forward(request, {ones});
    for (size_t pixel = 0; pixel < 9; ++pixel) {
      for (size_t c = 2; c + 2 < 61; ++c) {
        CHECK(found[pixel * 61 + c] == found[2]);
      }
    }
  });
}

// NaN and infinity spread through their window but no further, and never to the other
// tower. Pooling ignores NaN where its window also holds numbers.
TEST(nan_and_infinity) {
  on_every_level([] {
    Request request = paper_request({1, 3, 3, 12}, 2);
    for (const double bad : {double(NAN), double(INFINITY), -double(INFINITY)}) {
      for (const int64_t pool : {0, 3}) {
        for (const int64_t channel : {0, 5, 6, 11}) {
          request.stages.pool = {pool, pool, pool, pool};
          Numbers map(3 * 3 * 12, 1.5);
          map[static_cast<size_t>(4 * 12 + channel)] = bad;
          check_forward(request, {map});
        }
      }
    }
  });
}

TEST(a_window_of_nan_alone_pools_to_nan) {
  on_every_level([] {
    Request request = paper_request({1, 3, 3, 5}, 1);
    const Numbers found = run_forward(request, {Numbers(45, std::nan(""))});
    for (const double value : found) CHECK(std::isnan(value));
  });
}

TEST(squares_beyond_float32_and_zero_denominators) {
  on_every_level([] {
    Request request = paper_request({1, 1, 1, 40}, 1);
    request.stages.pool = Pool();
    Numbers map(40, 1e25);
    CHECK(relative_error(run_forward(request, {map}), Numbers(40, 0)) == 0);
    request.stages.lrn.k = 0;
    map.assign(40, 0);
    for (const double value : run_forward(request, {map})) {
      CHECK(std::isnan(value));  // 0 * 0^-0.75, as in the formula
    }
  });
}

TEST(every_half_survives_the_round_trip) {
  on_every_level([] {
    Request request = paper_request({1, 1, 1, 65536}, 1);
    request.dtype = DType::kFloat16;
    request.stages = Stages();
    request.stages.pool = {1, 1, 1, 1};
    request.stages.relu = false;
    Storage halves(2 * 65536);
    for (size_t i = 0; i < 65536; ++i) {
      halves[2 * i] = i & 255, halves[2 * i + 1] = static_cast<uint8_t>(i >> 8);
    }
    const Numbers numbers = decode(DType::kFloat16, halves);
    CHECK(relative_error(run_forward(request, {numbers}), numbers) == 0);
  });
}

}  // namespace
}  // namespace testing
}  // namespace keras_alexnet
