// Threads that share the tasks of one job. TensorFlow's C kernel API gives no access
// to TensorFlow's thread pool, so the library has its own. Both pools use the same
// CPUs, so the threads of this one sleep between jobs and never spin.

#ifndef KERAS_ALEXNET_CORE_THREAD_POOL_H_
#define KERAS_ALEXNET_CORE_THREAD_POOL_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace keras_alexnet {

class ThreadPool {
 public:
  using Task = std::function<void(int64_t)>;

  // The pool of the process, with usable_cpus() threads. A forked child gets its
  // own, because none of the parent's threads exist there.
  static ThreadPool& shared();

  explicit ThreadPool(int threads) : threads_(threads) {}
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Including the caller's thread, which works too.
  int threads() const { return threads_; }

  // Calls task(0) ... task(count - 1) and returns when all are done. Any thread may
  // call, at any time: if the pool is busy, or the caller is a task itself, all tasks
  // run on the calling thread. If a task throws, tasks that have not begun are
  // skipped, and the first exception is thrown again.
  void run(int64_t count, const Task& task);

 private:
  struct Job;

  void run_shared(Job& job);
  void start_workers();
  void work();

  const int threads_;
  std::mutex callers_;  // held by the caller whose job the workers are on

  std::mutex mutex_;  // guards all members below
  std::condition_variable job_posted_, workers_done_;
  Job* job_ = nullptr;
  uint64_t jobs_posted_ = 0;
  int workers_ = 0, busy_ = 0;
  bool stopping_ = false;
};

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_THREAD_POOL_H_
