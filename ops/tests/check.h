// A small harness: TEST registers a test, CHECK records what does not hold.

#ifndef KERAS_ALEXNET_TESTS_CHECK_H_
#define KERAS_ALEXNET_TESTS_CHECK_H_

#include <string>

namespace keras_alexnet {
namespace testing {

struct Registrar {
  Registrar(const char* name, void (*body)());
};

void check(bool holds, const char* file, int line, const std::string& what);

// Named in failures until the end of its scope: which case of many it was.
class Context {
 public:
  explicit Context(const std::string& text);
  ~Context();
};

}  // namespace testing
}  // namespace keras_alexnet

#define TEST(name)                                                          \
  void name();                                                              \
  const ::keras_alexnet::testing::Registrar name##_registrar(#name, name);  \
  void name()

#define CHECK(condition) \
  ::keras_alexnet::testing::check((condition), __FILE__, __LINE__, #condition)

#define CHECK_SAYING(condition, text) \
  ::keras_alexnet::testing::check((condition), __FILE__, __LINE__, (text))

#endif  // KERAS_ALEXNET_TESTS_CHECK_H_
