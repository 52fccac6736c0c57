// How many CPUs this process may use.

#ifndef KERAS_ALEXNET_CORE_CPU_COUNT_H_
#define KERAS_ALEXNET_CORE_CPU_COUNT_H_

#include <string>

namespace keras_alexnet {

// The least of the affinity mask, the control group's quota (either version) and
// KERAS_ALEXNET_THREADS; at least 1.
int usable_cpus();

// The control group's quota in whole CPUs, rounded up, or 0 where there is none.
// `root` is the folder to use as the file system's root: "", except in tests.
int quota_cpus(const std::string& root);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_CPU_COUNT_H_
