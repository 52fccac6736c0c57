// Levels against each other, bit for bit. Sums over a window are rounded in another
// order where vectors are wider, so there only what is exact must be the same.

#include <cmath>
#include <cstring>

#include "core/isa.h"
#include "tests/cases.h"
#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

bool same_bits(const Numbers& a, const Numbers& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const bool both_nan = std::isnan(a[i]) && std::isnan(b[i]);
    if (!both_nan && std::memcmp(&a[i], &b[i], sizeof a[i]) != 0) return false;
  }
  return true;
}

struct Results {
  Numbers joined;
  std::vector<Numbers> gradients;
};

Results results_on(const std::string& level, const Request& request,
                   const std::vector<Numbers>& maps, const Numbers& incoming) {
  use_kernels(level);
  return {run_forward(request, maps), run_gradient(request, maps, incoming)};
}

void check_same(const std::string& level, const Request& request,
                const std::vector<Numbers>& maps, const Numbers& incoming) {
  const Context context(level + ", " + describe(request));
  const Results found = results_on(level, request, maps, incoming);
  const Results expected = results_on("baseline", request, maps, incoming);
  CHECK(same_bits(found.joined, expected.joined));
  for (size_t i = 0; i < maps.size(); ++i) {
    CHECK(same_bits(found.gradients[i], expected.gradients[i]));
  }
}

// Random numbers, and among them those that conversions and comparisons treat apart.
Numbers numbers_with_odd_ones(Random& random, const Request& request,
                              int64_t count) {
  const double odd[] = {0.0,     -0.0,   INFINITY, -INFINITY, NAN,  1e-40, 6e-8,
                        3.05e-5, 65519.0, 65520.0, 1e30,      -7e-6, 2049.0};
  Numbers numbers = normal_numbers(random, count, 20);
  for (double& number : numbers) {
    if (between(random, 0, 7) == 0) number = odd[between(random, 0, 12)];
  }
  return rounded(request.dtype, numbers);
}

void check_on_random_requests(const std::string& level, bool normalise) {
  Random random(31);
  for (int i = 0; i < 200; ++i) {
    Request request = random_request(random, kDTypes[i % 4], 80);
    if (!normalise) request.stages.lrn.size = 0;
    std::vector<Numbers> maps;
    for (const Shape& shape : request.maps) {
      maps.push_back(numbers_with_odd_ones(random, request, elements_in(shape)));
    }
    const int64_t joined = elements_in(joined_shape(request));
    check_same(level, request, maps,
               numbers_with_odd_ones(random, request, joined));
  }
}

TEST(every_level_equals_the_baseline_where_nothing_is_normalised) {
  for (const KernelTable* table : usable_kernels()) {
    check_on_random_requests(table->name, false);
  }
  use_kernels(usable_kernels().front()->name);
}

// Its vectors are as wide as those of the baseline.
TEST(neon_equals_the_baseline_in_everything) {
  for (const KernelTable* table : usable_kernels()) {
    if (std::string(table->name) == "neon") {
      check_on_random_requests("neon", true);
    }
  }
  use_kernels(usable_kernels().front()->name);
}

#if defined(KERAS_ALEXNET_ARM)
TEST(neon_is_what_runs) {
  CHECK(std::string(usable_kernels().front()->name) == "neon");
}
#endif

}  // namespace
}  // namespace testing
}  // namespace keras_alexnet
