#include "core/thread_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/cpu_count.h"
#include "tests/cases.h"
#include "tests/check.h"

// The sanitizers' own run-time libraries do not work in a child that is forked from a
// process with threads.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define KERAS_ALEXNET_TESTS_FORK 0
#else
#define KERAS_ALEXNET_TESTS_FORK 1
#endif

namespace keras_alexnet {
namespace testing {
namespace {

// Whether each of `count` tasks is done exactly once.
bool does_each_once(ThreadPool& pool, int64_t count) {
  std::vector<std::atomic<int>> done(static_cast<size_t>(count));
  for (auto& times : done) times = 0;
  pool.run(count, [&](int64_t i) { ++done[static_cast<size_t>(i)]; });
  for (const auto& times : done) {
    if (times != 1) return false;
  }
  return true;
}

TEST(each_task_is_done_once) {
  for (const int threads : {1, 2, 4, 9}) {
    ThreadPool pool(threads);
    for (int64_t count = 0; count < 200; ++count) {
      CHECK(does_each_once(pool, count));
    }
  }
}

TEST(callers_from_many_threads_do_not_deadlock) {
  ThreadPool pool(3);
  std::atomic<int> failures{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 200; ++j) failures += !does_each_once(pool, 17);
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(failures == 0);
}

TEST(a_task_may_run_tasks) {
  ThreadPool pool(3);
  std::atomic<int> inner{0};
  pool.run(8, [&](int64_t) { pool.run(5, [&](int64_t) { ++inner; }); });
  CHECK(inner == 40);
}

TEST(a_tasks_exception_reaches_the_caller_and_the_pool_still_works) {
  ThreadPool pool(3);
  for (int i = 0; i < 50; ++i) {
    bool caught = false;
    try {
      pool.run(20, [](int64_t task) {
        if (task % 7 == 3) throw std::runtime_error("task");
      });
    } catch (const std::runtime_error&) {
      caught = true;
    }
    CHECK(caught);
    CHECK(does_each_once(pool, 20));
  }
}

TEST(the_op_may_be_computed_by_many_threads_at_once) {
  Random random(21);
  Request request = random_request(random, DType::kFloat32, 40);
  request.maps = {{4, 20, 20, 32}};
  request.towers = 2;
  const std::vector<Numbers> maps = random_maps(random, request, 5);
  const Numbers expected = run_forward(request, maps);
  std::atomic<int> failures{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        failures += run_forward(request, maps) != expected;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(failures == 0);
}

#if KERAS_ALEXNET_TESTS_FORK
// The exit status of a child that computes on the shared pool. An alarm kills the
// child if it hangs.
int fork_and_compute() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    ThreadPool& pool = ThreadPool::shared();
    ThreadPool four(4);
    _exit(does_each_once(pool, 100) && does_each_once(four, 100) ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST(a_forked_child_computes_and_so_does_its_parent) {
  CHECK(does_each_once(ThreadPool::shared(), 100));
  CHECK(fork_and_compute() == 0);
  CHECK(does_each_once(ThreadPool::shared(), 100));
}

TEST(a_child_forked_while_the_pool_is_at_work_computes) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) does_each_once(ThreadPool::shared(), 50);
  });
  for (int i = 0; i < 30; ++i) CHECK(fork_and_compute() == 0);
  stop = true;
  busy.join();
}
#endif

// A folder used as the file system's root; the destructor removes it.
class Root {
 public:
  Root() {
    char name[] = "/tmp/keras_alexnet_test_XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Root() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

  void write(const std::string& name, const char* text) const {
    const std::filesystem::path file = path_ + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

 private:
  std::string path_;
};

TEST(quota_of_control_groups_version_2) {
  const Root root;
  CHECK(quota_cpus(root.path()) == 0);
  root.write("/proc/self/cgroup", "0::/a/b\n");
  root.write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  CHECK(quota_cpus(root.path()) == 0);
  root.write("/sys/fs/cgroup/a/cpu.max", "350000 100000\n");
  CHECK(quota_cpus(root.path()) == 4);
  root.write("/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  CHECK(quota_cpus(root.path()) == 1);
  root.write("/sys/fs/cgroup/a/b/cpu.max", "nonsense\n");
  CHECK(quota_cpus(root.path()) == 4);
}

TEST(quota_of_control_groups_version_1) {
  const Root root;
  root.write("/proc/self/cgroup",
             "9:name=systemd:/\n3:cpu,cpuacct:/docker/x\n2:cpuset:/y\n0::/\n");
  const std::string folder = "/sys/fs/cgroup/cpu,cpuacct/docker/x/";
  root.write(folder + "cpu.cfs_quota_us", "-1\n");
  root.write(folder + "cpu.cfs_period_us", "100000\n");
  CHECK(quota_cpus(root.path()) == 0);
  root.write(folder + "cpu.cfs_quota_us", "250000\n");
  CHECK(quota_cpus(root.path()) == 3);
}

TEST(threads_are_bounded_by_the_environment) {
  unsetenv("KERAS_ALEXNET_THREADS");
  const int cpus = usable_cpus();
  CHECK(cpus >= 1);
  setenv("KERAS_ALEXNET_THREADS", "1", 1);
  CHECK(usable_cpus() == 1);
  for (const char* text : {"0", "-4", "many", "", "99999999999999999999"}) {
    setenv("KERAS_ALEXNET_THREADS", text, 1);
    CHECK(usable_cpus() == cpus);
  }
  unsetenv("KERAS_ALEXNET_THREADS");
}

}  // namespace
}  // namespace testing
}  // namespace keras_alexnet
