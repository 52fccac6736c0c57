#include <cstdio>
#include <string>
#include <vector>

#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

struct Test {
  const char* name;
  void (*body)();
};

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

std::vector<std::string> contexts;
int failures = 0;
constexpr int kMostShown = 20;

}  // namespace

Registrar::Registrar(const char* name, void (*body)()) {
  tests().push_back({name, body});
}

void check(bool holds, const char* file, int line, const std::string& what) {
  if (holds || ++failures > kMostShown) return;
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what.c_str());
  for (const std::string& text : contexts) {
    std::fprintf(stderr, "    %s\n", text.c_str());
  }
}

Context::Context(const std::string& text) { contexts.push_back(text); }
Context::~Context() { contexts.pop_back(); }

bool selected(const std::string& name, int count, char** names) {
  for (int i = 1; i < count; ++i) {
    if (name.find(names[i]) != std::string::npos) return true;
  }
  return count == 1;
}

int run(int count, char** names) {
  int ran = 0;
  for (const Test& test : tests()) {
    if (!selected(test.name, count, names)) continue;
    const int before = failures;
    test.body();
    ++ran;
    std::printf("%s %s\n", failures == before ? "ok  " : "FAIL", test.name);
  }
  std::printf("%d tests, %d checks failed\n", ran, failures);
  return failures || !ran;
}

}  // namespace testing
}  // namespace keras_alexnet

int main(int argc, char** argv) {
  return keras_alexnet::testing::run(argc, argv);
}
