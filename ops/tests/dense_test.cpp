// The dense layer against its formula in float64, on every level.

#include "core/dense.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/isa.h"
#include "core/sizes.h"
#include "tests/cases.h"
#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

constexpr int64_t kMost = INT64_MAX;
constexpr int64_t kHuge = int64_t{1} << 62;

DenseRequest request_of(DType dtype, int64_t rows, int64_t in, int64_t out) {
  return {dtype, {rows, in}, {in, out}, {out}};
}

std::string describe(const DenseRequest& request) {
  return "type " + std::to_string(static_cast<int>(request.dtype)) + ", " +
         std::to_string(request.x[0]) + " rows, " + std::to_string(request.x[1]) +
         " in, " + std::to_string(request.bias[0]) + " out, on " +
         active_kernels().name;
}

struct Operands {
  Numbers x, kernel, bias;
};

Operands random_operands(Random& random, const DenseRequest& request) {
  const auto numbers = [&](const Shape& shape) {
    return rounded(request.dtype, normal_numbers(random, elements_in(shape), 1));
  };
  return {numbers(request.x), numbers(request.kernel), numbers(request.bias)};
}

Numbers formula(const DenseRequest& request, const Operands& of) {
  const int64_t rows = request.x[0], in = request.x[1], out = request.bias[0];
  Numbers y;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = of.bias[static_cast<size_t>(o)];
      for (int64_t i = 0; i < in; ++i) {
        sum += of.x[static_cast<size_t>(r * in + i)] *
               of.kernel[static_cast<size_t>(i * out + o)];
      }
      y.push_back(sum);
    }
  }
  return y;
}

Numbers run_dense(const DenseRequest& request, const Operands& of) {
  const Storage x = encode(request.dtype, of.x),
                kernel = encode(request.dtype, of.kernel),
                bias = encode(request.dtype, of.bias);
  Numbers zeros(static_cast<size_t>(elements_in(dense_shape(request))));
  Storage y = encode(request.dtype, zeros);
  dense(request, x.data(), kernel.data(), bias.data(), y.data());
  return decode(request.dtype, y);
}

double bound(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return 1e-13;
    case DType::kFloat16: return 1e-3;
    case DType::kBfloat16: return 8e-3;
    default: return 1e-5;
  }
}

void check_dense(const DenseRequest& request, const Operands& of) {
  const Context context(describe(request));
  CHECK(fault_in(request).empty());
  const double error = relative_error(run_dense(request, of), formula(request, of));
  CHECK(error <= bound(request.dtype));
}

TEST(dense_is_its_formula) {
  Random random(3);
  on_every_level([&] {
    for (const DType dtype : kDTypes) {
      for (const int64_t in : {0, 1, 2, 7, 8, 15, 16, 33, 250}) {
        for (const int64_t out : {1, 3, 16, 31, 32, 33, 63, 100, 1000}) {
          const DenseRequest request =
              request_of(dtype, between(random, 1, 20), in, out);
          check_dense(request, random_operands(random, request));
        }
      }
    }
  });
}

TEST(dense_of_every_number_of_rows) {
  Random random(4);
  on_every_level([&] {
    for (const DType dtype : kDTypes) {
      for (int64_t rows = 1; rows <= 34; ++rows) {
        const DenseRequest request = request_of(dtype, rows, 41, 77);
        check_dense(request, random_operands(random, request));
      }
    }
  });
}

// Wide enough for many bands, and with a last band that is no multiple of a block.
TEST(dense_in_many_bands) {
  Random random(5);
  on_every_level([&] {
    for (const DType dtype : kDTypes) {
      const DenseRequest request = request_of(dtype, 5, 130, 5003);
      check_dense(request, random_operands(random, request));
    }
  });
}

TEST(a_row_alone_is_the_same_as_among_others) {
  Random random(6);
  on_every_level([&] {
    for (const DType dtype : kDTypes) {
      const DenseRequest all = request_of(dtype, 16, 67, 70);
      const DenseRequest one = request_of(dtype, 1, 67, 70);
      Operands of = random_operands(random, all);
      const Numbers together = run_dense(all, of);
      of.x.assign(of.x.end() - 67, of.x.end());
      const Numbers alone = run_dense(one, of);
      const Context context(describe(all));
      CHECK(std::equal(alone.begin(), alone.end(), together.end() - 70));
    }
  });
}

// A NaN or an infinity reaches its own row or its own column, and no other.
TEST(dense_keeps_nan_and_infinities_where_they_belong) {
  Random random(7);
  on_every_level([&] {
    for (const DType dtype : kDTypes) {
      const DenseRequest request = request_of(dtype, 3, 19, 37);
      for (const double odd : {double(NAN), double(INFINITY), -double(INFINITY)}) {
        for (const size_t place : {0, 7, 18}) {
          Operands of = random_operands(random, request);
          of.x[19 + place] = odd;
          check_dense(request, of);
          of = random_operands(random, request);
          of.kernel[place * 37 + 2 * place] = odd;
          check_dense(request, of);
          of = random_operands(random, request);
          of.bias[2 * place] = odd;
          check_dense(request, of);
        }
      }
    }
  });
}

TEST(dense_bands_cover_the_columns) {
  for (const int threads : {1, 2, 7, 512}) {
    for (const int64_t width : {4, 16, 32}) {
      for (const int64_t out : {1, 31, 32, 33, 1000, 4096, 100003}) {
        for (const int64_t in : {0, 1, 9216}) {
          const DenseRequest request = request_of(DType::kFloat32, 16, in, out);
          const Context context(describe(request));
          int64_t next = 0;
          const auto bands = dense_bands(request, width, threads);
          for (const auto& [first, last] : bands) {
            CHECK(first == next && last > first);
            CHECK(last - first >= width || bands.size() == 1);
            next = last;
          }
          CHECK(next == out);
        }
      }
    }
  }
}

TEST(shapes_that_dense_refuses_are_named) {
  const std::vector<DenseRequest> cases = {
      {DType::kFloat32, {2, 3, 4}, {4, 5}, {5}}, {DType::kFloat32, {2, 3}, {3}, {3}},
      {DType::kFloat32, {2, 3}, {4, 5}, {5}},    {DType::kFloat32, {2, 3}, {3, 5}, {4}},
      {DType::kFloat32, {2, 3}, {3, 5}, {}},     {DType::kFloat32, {}, {}, {}},
  };
  for (const DenseRequest& request : cases) {
    const std::string fault = fault_in(request);
    CHECK(fault.find("must be [batch, in]") != std::string::npos);
    CHECK(fault.find("got x [") != std::string::npos);
  }
}

TEST(dense_of_too_many_bytes_is_a_fault_that_names_the_shapes) {
  for (const auto& [rows, in, out] : std::vector<std::array<int64_t, 3>>{
           {kHuge, 2, 2}, {2, kHuge, 2}, {2, 2, kHuge}, {kMost, 0, kMost},
           {1LL << 32, 1, 1LL << 32}, {1, 1LL << 32, 1LL << 32}}) {
    const DenseRequest request = request_of(DType::kBfloat16, rows, in, out);
    const Context context(describe(request));
    CHECK(fault_in(request).find("[" + std::to_string(rows)) != std::string::npos);
  }
}

TEST(dense_of_nothing_takes_no_time) {
  for (const auto& [rows, in, out] : std::vector<std::array<int64_t, 3>>{
           {0, kHuge / 2, 1}, {kMost, 0, 0}, {kHuge / 2, 1, 0}, {0, 0, kHuge / 2}}) {
    const DenseRequest request = request_of(DType::kBfloat16, rows, in, out);
    const Context context(describe(request));
    CHECK(fault_in(request).empty());
    dense(request, nullptr, nullptr, nullptr, nullptr);
  }
}

}  // namespace
}  // namespace testing
}  // namespace keras_alexnet
