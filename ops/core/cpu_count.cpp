#include "core/cpu_count.h"

#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace keras_alexnet {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& path) {
  Lines lines;
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (!file) return lines;
  char text[4096];
  while (std::fgets(text, sizeof text, file)) {
    lines.emplace_back(text);
    if (!lines.back().empty() && lines.back().back() == '\n') {
      lines.back().pop_back();
    }
  }
  std::fclose(file);
  return lines;
}

int whole_cpus(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::min((quota + period - 1) / period, 1LL << 20));
}

// Control groups, version 2: one file, "max 100000" or "150000 100000".
int unified_quota(const std::string& folder) {
  const Lines lines = lines_of(folder + "/cpu.max");
  long long quota = 0, period = 0;
  if (lines.empty()) return 0;
  const int read = std::sscanf(lines[0].c_str(), "%lld %lld", &quota, &period);
  return read == 2 ? whole_cpus(quota, period) : 0;
}

// Control groups, version 1: two files; a quota of -1 means no quota.
int split_quota(const std::string& folder) {
  const Lines quota = lines_of(folder + "/cpu.cfs_quota_us");
  const Lines period = lines_of(folder + "/cpu.cfs_period_us");
  if (quota.empty() || period.empty()) return 0;
  return whole_cpus(std::atoll(quota[0].c_str()), std::atoll(period[0].c_str()));
}

int lesser_quota(int a, int b) { return a && b ? std::min(a, b) : std::max(a, b); }

// A group is limited by its own quota and by those of all groups above it.
template <class Read>
int least_upwards(const std::string& mount, std::string group, Read read) {
  int least = read(mount);
  while (group.size() > 1) {
    least = lesser_quota(least, read(mount + group));
    group.resize(group.find_last_of('/') == std::string::npos
                     ? 0 : group.find_last_of('/'));
  }
  return least;
}

// A line of /proc/self/cgroup is "id:controllers:/path"; in version 2 "0::/path".
bool names_cpu(const std::string& controllers) {
  return ("," + controllers + ",").find(",cpu,") != std::string::npos;
}

int quota_of_line(const std::string& root, const std::string& line) {
  const size_t first = line.find(':');
  const size_t second = line.find(':', first + 1);
  if (first == std::string::npos || second == std::string::npos) return 0;
  const std::string controllers = line.substr(first + 1, second - first - 1);
  const std::string group = line.substr(second + 1);
  const std::string mount = root + "/sys/fs/cgroup";
  if (controllers.empty()) return least_upwards(mount, group, unified_quota);
  if (!names_cpu(controllers)) return 0;
  const int quota =
      least_upwards(mount + "/" + controllers, group, split_quota);
  return lesser_quota(quota, least_upwards(mount + "/cpu", group, split_quota));
}

int affinity_cpus() {
#if defined(__linux__)
  // The set must be at least as wide as the kernel's own, whose width is unknown.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(cpus));
    const size_t size = CPU_ALLOC_SIZE(static_cast<size_t>(cpus));
    const bool known = set && sched_getaffinity(0, size, set) == 0;
    const int count = known ? CPU_COUNT_S(size, set) : 0;
    if (set) CPU_FREE(set);
    if (known) return count;
  }
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

int requested_threads() {
  const char* text = std::getenv("KERAS_ALEXNET_THREADS");
  const long threads = text ? std::strtol(text, nullptr, 10) : 0;
  return threads >= 1 ? static_cast<int>(std::min(threads, 1L << 20)) : 0;
}

}  // namespace

int quota_cpus(const std::string& root) {
  int least = 0;
  for (const std::string& line : lines_of(root + "/proc/self/cgroup")) {
    least = lesser_quota(least, quota_of_line(root, line));
  }
  return least;
}

int usable_cpus() {
  const int cpus = std::max(1, affinity_cpus());
  return lesser_quota(lesser_quota(cpus, quota_cpus("")), requested_threads());
}

}  // namespace keras_alexnet
