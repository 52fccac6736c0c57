#include "core/thread_pool.h"

#include <pthread.h>

#include <atomic>
#include <cfenv>
#include <exception>
#include <system_error>
#include <thread>

#include "core/cpu_count.h"

namespace keras_alexnet {

// A job is on the stack of its caller. Workers start on it while they hold the
// pool's mutex, and the caller returns only after the last of them has finished.
struct ThreadPool::Job {
  Job(int64_t count, const Task& task) : count(count), task(task) {
    std::fegetenv(&arithmetic);
  }

  void work() {
    int64_t next;
    while ((next = next_task.fetch_add(1)) < count) {
      try {
        task(next);
      } catch (...) {
        fail(std::current_exception());
      }
    }
  }

  void fail(std::exception_ptr error) {
    next_task = count;
    if (!failed.exchange(true)) first_error = error;
  }

  const int64_t count;
  const Task& task;
  std::fenv_t arithmetic;  // the caller's modes: rounding, flushing of subnormals
  std::atomic<int64_t> next_task{0};
  std::atomic<bool> failed{false};
  std::exception_ptr first_error;
};

namespace {

thread_local bool inside_task = false;
std::atomic<ThreadPool*> shared_pool{nullptr};

// The child gets a new pool. The parent's cannot be used or destroyed in the child:
// its mutexes may be held by threads that do not exist there.
void forget_after_fork() {
  shared_pool = nullptr;
  inside_task = false;
}

// Registered when the library is loaded, so that it cannot be interrupted by a fork.
[[maybe_unused]] const int registered =
    pthread_atfork(nullptr, nullptr, forget_after_fork);

ThreadPool& make_shared_pool() {
  ThreadPool* made = new ThreadPool(usable_cpus());
  ThreadPool* found = nullptr;
  if (shared_pool.compare_exchange_strong(found, made)) return *made;
  delete made;
  return *found;
}

}  // namespace

// Never destroyed: TensorFlow's threads may still compute while the process runs
// its destructors.
ThreadPool& ThreadPool::shared() {
  ThreadPool* pool = shared_pool;
  return pool ? *pool : make_shared_pool();
}

ThreadPool::~ThreadPool() {
  std::unique_lock<std::mutex> lock(mutex_);
  stopping_ = true;
  job_posted_.notify_all();
  workers_done_.wait(lock, [this] { return workers_ == 0; });
}

void ThreadPool::run(int64_t count, const Task& task) {
  Job job(count, task);
  std::unique_lock<std::mutex> turn(callers_, std::defer_lock);
  const bool alone = count < 2 || threads_ < 2 || inside_task;
  if (alone || !turn.try_lock()) {
    job.work();
  } else {
    run_shared(job);
  }
  if (job.first_error) std::rethrow_exception(job.first_error);
}

void ThreadPool::run_shared(Job& job) {
  std::unique_lock<std::mutex> lock(mutex_);
  start_workers();
  job_ = &job;
  ++jobs_posted_;
  lock.unlock();
  job_posted_.notify_all();

  inside_task = true;
  job.work();
  inside_task = false;

  lock.lock();
  job_ = nullptr;  // a worker that wakes after this finds no job
  workers_done_.wait(lock, [this] { return busy_ == 0; });
}

// Called with the mutex held. If the system refuses a thread, the pool works with
// those that it has.
void ThreadPool::start_workers() {
  while (workers_ < threads_ - 1) {
    try {
      std::thread(&ThreadPool::work, this).detach();
    } catch (const std::system_error&) {
      return;
    }
    ++workers_;
  }
}

void ThreadPool::work() {
  inside_task = true;
  uint64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    job_posted_.wait(lock, [&] {
      return stopping_ || (job_ && jobs_posted_ != seen);
    });
    if (stopping_) break;
    seen = jobs_posted_;
    Job& job = *job_;
    ++busy_;
    lock.unlock();
    std::fesetenv(&job.arithmetic);
    job.work();
    lock.lock();
    if (--busy_ == 0) workers_done_.notify_all();
  }
  if (--workers_ == 0) workers_done_.notify_all();
}

}  // namespace keras_alexnet
