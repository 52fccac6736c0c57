// A description of the library, for `python -m keras_alexnet.doctor`, which calls
// it through ctypes.

#include <cstdlib>
#include <string>

#include "adapter/registration.h"
#include "core/isa.h"
#include "core/thread_pool.h"

#if !defined(KERAS_ALEXNET_VERSION)
#define KERAS_ALEXNET_VERSION "unknown"
#endif

namespace keras_alexnet {
namespace {

// Incremented when an op's name, inputs or attributes change, or one is added.
constexpr int kInterface = 3;

std::string quoted(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return json + "\"";
}

std::string list(const std::vector<std::string>& items) {
  std::string json = "[";
  for (const std::string& item : items) {
    json += (json.size() > 1 ? ", " : "") + quoted(item);
  }
  return json + "]";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? quoted(value) : "null";
}

std::string description() {
  std::vector<std::string> usable;
  for (const KernelTable* table : usable_kernels()) usable.push_back(table->name);
  const Registration& registered = registration();
  return "{\"version\": " + quoted(KERAS_ALEXNET_VERSION) +
         ", \"interface\": " + std::to_string(kInterface) +
         ", \"isa\": " + quoted(active_kernels().name) +
         ", \"isa_usable\": " + list(usable) +
         ", \"isa_asked\": " + environment("KERAS_ALEXNET_ISA") +
         ", \"threads\": " + std::to_string(ThreadPool::shared().threads()) +
         ", \"threads_asked\": " + environment("KERAS_ALEXNET_THREADS") +
         ", \"ops\": " + list(registered.ops) +
         ", \"dtypes\": " +
         list({"float32", "float64", "float16", "bfloat16"}) +
         ", \"error\": " +
         (registered.error.empty() ? "null" : quoted(registered.error)) + "}";
}

}  // namespace
}  // namespace keras_alexnet

// A JSON object. The library owns the text, which stays valid while it is loaded.
extern "C" __attribute__((visibility("default"))) const char*
keras_alexnet_describe() {
  static const std::string text = keras_alexnet::description();
  return text.c_str();
}
