// A small test harness: TEST registers a test, CHECK reports a false condition.

#ifndef KERAS_ALEXNET_TESTS_CHECK_H_
#define KERAS_ALEXNET_TESTS_CHECK_H_

#include <string>

namespace keras_alexnet {
namespace testing {

struct Registrar {
  Registrar(const char* name, void (*body)());
};

void check(bool holds, const char* file, int line, const std::string& what);

// While it is in scope, failures print its text, which names the case that failed.
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

#define CHECK_MESSAGE(condition, text) \
  ::keras_alexnet::testing::check((condition), __FILE__, __LINE__, (text))

#endif  // KERAS_ALEXNET_TESTS_CHECK_H_
