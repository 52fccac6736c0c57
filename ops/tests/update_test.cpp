// The update rules against their formulas in float64, on every level.

#include "core/update.h"

#include <cmath>

#include "core/isa.h"
#include "core/sizes.h"
#include "tests/cases.h"
#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

using Floats = std::vector<float>;

struct Case {
  UpdateRule rule;
  const char* name;
  size_t state;
  Floats numbers;  // without the last one
};

const Case kCases[] = {
    {UpdateRule::kVelocity, "velocity", 1, {0.5f, 0.1f, 0.9f, 0.02f}},
    {UpdateRule::kMoved, "moved", 1, {0.998f}},
    {UpdateRule::kNesterov, "nesterov", 1, {0.998f, 0.9f}},
    {UpdateRule::kAdam, "adam", 3, {0.5f, 0.1f, 0.9f, 0.99f, 1e-3f, 0.998f}},
    {UpdateRule::kAverage, "average", 1, {0.25f}},
};

// b is what is beside.
std::vector<double> formula(const Case& rule, const std::vector<double>& s, double b,
                            double g) {
  const Floats& n = rule.numbers;
  switch (rule.rule) {
    case UpdateRule::kVelocity:
      return {n[2] * s[0] - n[1] * (n[0] * g + n[3] * b)};
    case UpdateRule::kMoved:
      return {n[0] * s[0] + b};
    case UpdateRule::kNesterov: {
      const double step = n[1] * g - b;  // m v - v'
      return {n[0] * s[0] + n[1] * b - step};
    }
    case UpdateRule::kAdam: {
      g *= n[0];
      const double mean = s[1] + (1.0 - n[2]) * (g - s[1]);
      const double square = s[2] + (1.0 - n[3]) * (g * g - s[2]);
      return {n[5] * s[0] - n[1] * mean / (std::sqrt(square) + n[4]), mean, square};
    }
    case UpdateRule::kAverage:
      return {s[0] + n[0] * (g - s[0])};
  }
  return {};
}

struct Operands {
  std::vector<Floats> state;
  Floats beside, gradient, numbers;
};

Operands random_operands(Random& random, const Case& rule, int64_t elements) {
  Operands of;
  const auto numbers = [&] {
    Floats found;
    for (double x : normal_numbers(random, elements, 1)) {
      found.push_back(static_cast<float>(std::abs(x)));
    }
    return found;
  };
  for (size_t s = 0; s < rule.state; ++s) of.state.push_back(numbers());
  of.beside = numbers();
  of.gradient = numbers();
  of.numbers = rule.numbers;
  of.numbers.push_back(1);
  return of;
}

UpdateRequest request_of(const Case& rule, int64_t elements) {
  return {rule.rule, std::vector<Shape>(rule.state, Shape{elements}), {elements},
          DType::kFloat32, {elements}, {static_cast<int64_t>(rule.numbers.size() + 1)}};
}

// Where the updated tensors are, which decides how they are stored.
enum class Where { kAligned, kUnaligned, kInPlace, kFirstInGradient };
constexpr Where kEverywhere[] = {Where::kAligned, Where::kUnaligned, Where::kInPlace,
                                 Where::kFirstInGradient};

// Memory at a multiple of 64 bytes, as TensorFlow's is, or 4 bytes after one.
class Memory {
 public:
  Memory(size_t elements, bool aligned) : floats_(elements + 32), elements_(elements) {
    const size_t over = reinterpret_cast<uintptr_t>(floats_.data()) / sizeof(float) % 16;
    start_ = floats_.data() + (16 - over) + (aligned ? 0 : 1);
  }
  float* data() { return start_; }
  Floats values() const { return Floats(start_, start_ + elements_); }

 private:
  Floats floats_;
  size_t elements_;
  float* start_;
};

std::vector<Floats> run_update(const Case& rule, Operands of, Where where) {
  const size_t elements = of.gradient.size();
  std::vector<Memory> memory;
  memory.reserve(rule.state);
  std::vector<const float*> state;
  std::vector<float*> updated;
  for (Floats& each : of.state) {
    memory.emplace_back(elements, where != Where::kUnaligned);
    state.push_back(each.data());
    updated.push_back(where == Where::kInPlace ? each.data() : memory.back().data());
  }
  if (where == Where::kFirstInGradient) updated[0] = of.gradient.data();
  update(request_of(rule, static_cast<int64_t>(elements)), state.data(),
         of.beside.data(), of.gradient.data(), of.numbers.data(), updated.data());
  if (where == Where::kInPlace) return of.state;
  std::vector<Floats> found;
  for (const Memory& each : memory) found.push_back(each.values());
  if (where == Where::kFirstInGradient) found[0] = of.gradient;
  return found;
}

std::string describe(const Case& rule, int64_t elements) {
  return std::string(rule.name) + ", " + std::to_string(elements) + " elements, on " +
         active_kernels().name;
}

TEST(updates_are_their_formulas) {
  Random random(11);
  on_every_level([&] {
    for (const Case& rule : kCases) {
      for (const int64_t elements : {0, 1, 3, 16, 31, 67, 65537, 700001}) {
        const Context context(describe(rule, elements));
        const Operands of = random_operands(random, rule, elements);
        CHECK(fault_in(request_of(rule, elements)).empty());
        for (const Where where : kEverywhere) {
          const std::vector<Floats> found = run_update(rule, of, where);
          double worst = 0;
          for (size_t i = 0; i < of.gradient.size(); ++i) {
            std::vector<double> before;
            for (const Floats& each : of.state) before.push_back(each[i]);
            const auto expected = formula(rule, before, of.beside[i], of.gradient[i]);
            for (size_t s = 0; s < rule.state; ++s) {
              worst = std::fmax(worst, std::abs(found[s][i] - expected[s]) /
                                           (1 + std::abs(expected[s])));
            }
          }
          CHECK(worst < 2e-6);
        }
      }
    }
  });
}

TEST(an_update_that_is_not_applied_changes_nothing) {
  Random random(12);
  on_every_level([&] {
    for (const Case& rule : kCases) {
      const Context context(describe(rule, 70001));
      Operands of = random_operands(random, rule, 70001);
      of.numbers.back() = 0;
      for (float& each : of.gradient) each = NAN;
      for (const Where where : kEverywhere) {
        CHECK(run_update(rule, of, where) == of.state);
      }
    }
  });
}

TEST(an_element_is_the_same_wherever_it_is) {
  Random random(13);
  on_every_level([&] {
    for (const Case& rule : kCases) {
      Operands of = random_operands(random, rule, 1);
      const std::vector<Floats> alone = run_update(rule, of, Where::kInPlace);
      for (Floats& each : of.state) each.resize(150001, each[0]);
      of.beside.resize(150001, of.beside[0]);
      of.gradient.resize(150001, of.gradient[0]);
      const Context context(describe(rule, 150001));
      for (const Where where : kEverywhere) {
        const std::vector<Floats> among = run_update(rule, of, where);
        for (size_t s = 0; s < rule.state; ++s) {
          CHECK(among[s] == Floats(150001, alone[s][0]));
        }
      }
    }
  });
}

TEST(the_average_with_all_of_the_new_is_the_new) {
  Random random(14);
  on_every_level([&] {
    const Case& average = kCases[4];
    Operands of = random_operands(random, average, 37);
    of.state[0].assign(37, 0.0f);
    of.numbers = {1, 1};
    CHECK(run_update(average, of, Where::kAligned)[0] == of.gradient);
  });
}

TEST(a_narrow_gradient_is_as_if_it_were_widened) {
  Random random(15);
  on_every_level([&] {
    for (const Case& rule : kCases) {
      for (const size_t elements : {1, 31, 70001}) {
        const Context context(describe(rule, static_cast<int64_t>(elements)));
        Operands of = random_operands(random, rule, static_cast<int64_t>(elements));
        const Numbers rounded_gradient = rounded(
            DType::kBfloat16, Numbers(of.gradient.begin(), of.gradient.end()));
        of.gradient.assign(rounded_gradient.begin(), rounded_gradient.end());
        const std::vector<Floats> wide = run_update(rule, of, Where::kInPlace);
        UpdateRequest request = request_of(rule, static_cast<int64_t>(elements));
        request.type = DType::kBfloat16;
        const Storage narrow = encode(DType::kBfloat16, rounded_gradient);
        std::vector<float*> updated;
        for (Floats& each : of.state) updated.push_back(each.data());
        const std::vector<const float*> state(updated.begin(), updated.end());
        update(request, state.data(), of.beside.data(), narrow.data(),
               of.numbers.data(), updated.data());
        // Which products are fused with sums is up to the compiler.
        double worst = 0;
        for (size_t s = 0; s < rule.state; ++s) {
          for (size_t i = 0; i < elements; ++i) {
            worst = std::fmax(worst, std::abs(of.state[s][i] - wide[s][i]) /
                                         (1 + std::abs(wide[s][i])));
          }
        }
        CHECK(worst < 1e-6);
      }
    }
  });
}

TEST(rules_have_names) {
  for (const Case& rule : kCases) {
    UpdateRule found = UpdateRule::kVelocity;
    CHECK(find_rule(rule.name, found) && found == rule.rule);
  }
  UpdateRule found = UpdateRule::kVelocity;
  CHECK(!find_rule("", found) && !find_rule("adamw", found));
}

TEST(shapes_that_an_update_refuses_are_named) {
  const UpdateRequest good = request_of(kCases[3], 3);
  std::vector<UpdateRequest> cases(6, good);
  cases[0].state.pop_back();
  cases[1].state[1] = {4};
  cases[2].gradient = {3, 1};
  cases[3].numbers = {5};
  cases[4].numbers = {};
  cases[5].beside = {1};
  for (const UpdateRequest& request : cases) {
    const std::string fault = fault_in(request);
    CHECK(fault.find("state must hold 3 tensors") != std::string::npos);
    CHECK(fault.find("got state [3]") != std::string::npos);
  }
  UpdateRequest half = good;
  half.type = DType::kFloat16;
  CHECK(fault_in(half).find("float32 or bfloat16") != std::string::npos);
  const UpdateRequest huge = request_of(kCases[0], int64_t{1} << 62);
  CHECK(fault_in(huge).find("2^63") != std::string::npos);
}

}  // namespace
}  // namespace testing
}  // namespace keras_alexnet
