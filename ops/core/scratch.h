// Working memory for a band. Each thread keeps its buffer from call to call.

#ifndef KERAS_ALEXNET_CORE_SCRATCH_H_
#define KERAS_ALEXNET_CORE_SCRATCH_H_

#include <cstddef>

namespace keras_alexnet {

class Scratch {
 public:
  // Aligned to a cache line, contents unknown. Throws std::bad_alloc.
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void* data() const { return data_; }

 private:
  void* data_;
  size_t bytes_;
};

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_SCRATCH_H_
