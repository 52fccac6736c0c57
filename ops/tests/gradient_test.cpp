#include <cmath>

#include "tests/cases.h"
#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

double tolerance(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return 1e-13;
    case DType::kFloat16: return 2e-3;
    case DType::kBfloat16: return 1e-2;
    default: return 2e-6;
  }
}

// Rounding may change which of two values is larger if they are nearer than this.
double nearness(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return 1e-13;
    case DType::kFloat32: return 1e-5;
    default: return 1e-3;
  }
}

Numbers incoming_gradient(Random& random, const Request& request,
                          const std::vector<Numbers>& maps) {
  Numbers gradient = rounded(
      request.dtype,
      normal_numbers(random, elements_in(joined_shape(request)), 1));
  const std::vector<bool> close =
      close_calls(request, maps, nearness(request.dtype));
  for (size_t i = 0; i < gradient.size(); ++i) {
    if (close[i]) gradient[i] = 0;
  }
  return gradient;
}

void check_gradient(Random& random, const Request& request,
                    const std::vector<Numbers>& maps) {
  const Context context(describe(request));
  const Numbers gradient = incoming_gradient(random, request, maps);
  const auto found = run_gradient(request, maps, gradient);
  const auto expected = reference_gradient(request, maps, gradient);
  for (size_t t = 0; t < found.size(); ++t) {
    const double error = relative_error(found[t], expected[t]);
    CHECK_MESSAGE(error <= tolerance(request.dtype),
                 "gradient error " + std::to_string(error * 1e6) + "e-6");
  }
}

Request paper_request(const Shape& shape) {
  Request request;
  request.towers = 2;
  request.stages.lrn.size = 5;
  request.stages.pool = {3, 3, 2, 2};
  request.maps = {shape};
  return request;
}

TEST(gradient_agrees_with_the_formula_on_random_requests) {
  on_every_level([] {
    Random random(11);
    for (int i = 0; i < 400; ++i) {
      const Request request = random_request(random, kDTypes[i % 4], 40);
      check_gradient(random, request, random_maps(random, request, 5));
    }
  });
}

TEST(gradient_agrees_on_many_channels) {
  on_every_level([] {
    Random random(12);
    for (int i = 0; i < 40; ++i) {
      const Request request = random_request(random, kDTypes[i % 4], 300);
      check_gradient(random, request, random_maps(random, request, 5));
    }
  });
}

TEST(gradient_of_one_image_cut_into_bands) {
  on_every_level([] {
    Random random(13);
    for (const Pool& pool : {Pool{3, 3, 2, 2}, Pool{4, 2, 1, 3},
                             Pool{2, 2, 5, 5}, Pool{3, 3, 3, 3}}) {
      Request request = paper_request({1, 41, 43, 40});
      request.stages.pool = pool;
      check_gradient(random, request, random_maps(random, request, 20));
    }
  });
}

// Small whole numbers are often equal, and after the ReLU zeros even more often. Close
// calls need not be excluded here: without a norm, equal inputs stay exactly equal.
TEST(ties_go_to_the_first_in_row_major_order) {
  on_every_level([] {
    Random random(14);
    for (int i = 0; i < 60; ++i) {
      Request request = random_request(random, kDTypes[i % 4], 40);
      request.stages.lrn.size = 0;
      if (!request.stages.pool.on()) continue;
      std::vector<Numbers> maps;
      for (const Shape& shape : request.maps) {
        maps.emplace_back(static_cast<size_t>(elements_in(shape)));
        for (double& x : maps.back()) x = double(between(random, -2, 2));
      }
      check_gradient(random, request, maps);
    }
  });
}

TEST(nan_receives_no_gradient_where_the_window_holds_numbers) {
  on_every_level([] {
    Random random(15);
    for (size_t bad = 0; bad < 9; ++bad) {
      Request request = paper_request({1, 3, 3, 20});
      request.stages = Stages();
      request.stages.relu = false;
      request.stages.pool = {3, 3, 2, 2};
      std::vector<Numbers> maps = random_maps(random, request, 20);
      for (size_t c = 0; c < 20; c += 3) maps[0][bad * 20 + c] = std::nan("");
      check_gradient(random, request, maps);
    }
  });
}

TEST(nan_in_one_tower_does_not_change_the_gradient_of_the_other) {
  on_every_level([] {
    Request request = paper_request({1, 1, 1, 12});
    request.stages.pool = Pool();
    request.stages.relu = false;
    Numbers map(12, 1.5);
    const Numbers ones(12, 1);
    const Numbers finite = run_gradient(request, {map}, ones)[0];
    map[5] = std::nan("");
    const Numbers found = run_gradient(request, {map}, ones)[0];
    for (size_t c = 6; c < 12; ++c) CHECK(found[c] == finite[c]);
    CHECK(std::isnan(found[5]));
  });
}

// (loss(x + e) - loss(x - e)) / 2e for each input, in float64.
Numbers differences(const Request& request, const Numbers& map,
                    const Numbers& weights) {
  const double step = 1e-5;
  const auto loss = [&](size_t i, double e) {
    Numbers moved = map;
    moved[i] += e;
    const Numbers joined = run_forward(request, {moved});
    double sum = 0;
    for (size_t j = 0; j < joined.size(); ++j) sum += weights[j] * joined[j];
    return sum;
  };
  Numbers slopes;
  for (size_t i = 0; i < map.size(); ++i) {
    slopes.push_back((loss(i, step) - loss(i, -step)) / (2 * step));
  }
  return slopes;
}

TEST(gradient_agrees_with_finite_differences) {
  on_every_level([] {
    Random random(16);
    for (int i = 0; i < 24; ++i) {
      Request request = paper_request({1, 5, 5, 12});
      request.dtype = DType::kFloat64;
      request.stages.lrn.size = i % 9 + 1;
      request.stages.lrn.alpha = 0.05;
      request.stages.lrn.beta = i % 2 ? 0.75 : 1.1;
      request.stages.activation_first = i % 3 != 0;
      const Context context(describe(request));
      const Numbers map = random_maps(random, request, 3)[0];
      const Numbers weights = normal_numbers(random, 2 * 2 * 12, 1);
      const double error =
          relative_error(run_gradient(request, {map}, weights)[0],
                         differences(request, map, weights));
      CHECK_MESSAGE(error < 1e-6, "error " + std::to_string(error * 1e6) + "e-6");
    }
  });
}

TEST(gradient_in_the_memory_of_its_maps) {
  on_every_level([] {
    Random random(17);
    for (const Pool& pool : {Pool(), Pool{3, 3, 2, 2}}) {
      Request request = paper_request({64, 9, 9, 24});
      request.dtype = DType::kFloat64;
      request.stages.pool = pool;
      CHECK(gradient_works_in_place(request));
      const std::vector<Numbers> maps = random_maps(random, request, 5);
      const Numbers gradient = incoming_gradient(random, request, maps);
      const Numbers separate = run_gradient(request, maps, gradient)[0];
      Numbers in_place = maps[0];
      const void* map = in_place.data();
      void* out = in_place.data();
      cross_connect_gradient(request, &map, gradient.data(), &out);
      CHECK(in_place == separate);
    }
  });
}

}  // namespace
}  // namespace testing
}  // namespace keras_alexnet
