// Threads that share out the tasks of one job. TensorFlow's C kernel API gives no
// way to its own thread pool, so the library keeps one of its own, and since the
// two pools share the CPUs, this one sleeps between jobs and never spins.

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

  // The process's pool, sized by usable_cpus(). A forked child, where none of
  // the parent's threads exist, gets one of its own.
  static ThreadPool& shared();

  explicit ThreadPool(int threads) : threads_(threads) {}
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // With the caller's, which works too.
  int threads() const { return threads_; }

  // Calls task(0) ... task(count - 1) and comes back when all are done. Any thread
  // may call, at any time: a call that finds the pool at work, or comes out of a
  // task, does its tasks itself. The first exception of a task is thrown again,
  // and tasks not yet begun are then left out.
  void run(int64_t count, const Task& task);

 private:
  struct Job;

  void share(Job& job);
  void start_workers();
  void work();

  const int threads_;
  std::mutex callers_;  // held by the caller whose job the workers share

  std::mutex mutex_;  // guards all below
  std::condition_variable job_posted_, workers_done_;
  Job* job_ = nullptr;
  uint64_t jobs_posted_ = 0;
  int workers_ = 0, busy_ = 0;
  bool stopping_ = false;
};

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_THREAD_POOL_H_
