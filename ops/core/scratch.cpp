#include "core/scratch.h"

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace keras_alexnet {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kMostKept = 4 << 20;  // larger ones are freed

// One spare buffer for each thread. New memory would cost a page fault every 4 kB.
struct Spare {
  ~Spare() { std::free(data); }
  void* data = nullptr;
  size_t bytes = 0;
};
thread_local Spare spare;

}  // namespace

Scratch::Scratch(size_t bytes) : data_(nullptr), bytes_(bytes) {
  if (spare.bytes >= bytes && spare.data) {
    std::swap(data_, spare.data);
    bytes_ = std::exchange(spare.bytes, 0);
    return;
  }
  if (bytes > SIZE_MAX - 2 * kLine) throw std::bad_alloc();
  bytes_ = (bytes + kLine - 1) / kLine * kLine + kLine;
  if (posix_memalign(&data_, kLine, bytes_) != 0) throw std::bad_alloc();
}

Scratch::~Scratch() {
  if (bytes_ <= kMostKept && bytes_ > spare.bytes) {
    std::swap(data_, spare.data);
    spare.bytes = bytes_;
  }
  std::free(data_);
}

}  // namespace keras_alexnet
