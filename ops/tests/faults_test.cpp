#include <cmath>

#include "core/seam.h"
#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

Request valid_request() {
  Request request;
  request.towers = 2;
  request.stages.lrn.size = 5;
  request.stages.pool = {3, 3, 2, 2};
  request.maps = {{2, 7, 9, 6}, {2, 7, 9, 8}};
  return request;
}

// Checks that the fault names the argument and the value received.
void expect(const Request& request, const std::string& name,
            const std::string& received) {
  const std::string fault = fault_in(request);
  CHECK_MESSAGE(fault.find(name) != std::string::npos, name + " in: " + fault);
  CHECK_MESSAGE(fault.find(received) != std::string::npos,
                received + " in: " + fault);
}

TEST(a_valid_request_has_no_fault) {
  const Request request = valid_request();
  CHECK(fault_in(request).empty());
  CHECK((joined_shape(request) == Shape{2, 3, 4, 14}));
}

TEST(faults_in_maps) {
  Request request = valid_request();
  request.maps[1] = {2, 7, 9};
  expect(request, "maps[1]", "rank 3");
  request.maps[1] = {2, 8, 9, 8};
  expect(request, "height", "8");
  request.maps[1] = {2, 7, 1, 8};
  expect(request, "width", "1");
  request.maps[1] = {0, 7, 9, 8};
  expect(request, "batch", "0");
  request.maps.clear();
  expect(request, "maps", "none");
}

TEST(faults_in_towers) {
  Request request = valid_request();
  for (const int64_t towers : {0LL, -3LL, 5LL, 1LL << 60}) {
    request.towers = towers;
    expect(request, "towers", std::to_string(towers));
  }
  request.maps.pop_back();
  request.towers = 4;
  expect(request, "towers", "6 channels");
}

TEST(faults_in_the_norm) {
  Request request = valid_request();
  request.stages.lrn.size = -1;
  expect(request, "lrn_size", "-1");
  request.stages.lrn.size = 5;
  request.stages.lrn.k = std::nan("");
  expect(request, "lrn_k", "nan");
  request.stages.lrn.k = 2;
  request.stages.lrn.beta = INFINITY;
  expect(request, "lrn_beta", "inf");
}

TEST(faults_in_pooling) {
  Request request = valid_request();
  request.stages.pool = {3, 0, 2, 2};
  expect(request, "pool_width", "0");
  request.stages.pool = {3, 3, 2, -2};
  expect(request, "stride_width", "-2");
  request.stages.pool = {0, 0, 1, 1};
  expect(request, "pool_height", "0");
  request.stages.pool = {8, 3, 2, 2};
  expect(request, "pool_height", "8");
  request.stages.pool = {3, 10, 2, 2};
  expect(request, "pool_width", "10");
  request.stages.pool = {1LL << 62, 3, 2, 2};
  expect(request, "pool_height", "4611686018427387904");
}

TEST(faults_in_the_gradient) {
  const Request request = valid_request();
  CHECK(fault_in_gradient(request, {2, 3, 4, 14}).empty());
  const std::string fault = fault_in_gradient(request, {2, 3, 4, 6});
  CHECK(fault.find("[2, 3, 4, 14]") != std::string::npos);
  CHECK(fault.find("[2, 3, 4, 6]") != std::string::npos);
  CHECK(!fault_in_gradient(request, {}).empty());
}

}  // namespace
}  // namespace testing
}  // namespace keras_alexnet
