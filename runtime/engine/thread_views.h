// The ephemeral views of all threads: each one's for itself, and visits by others.
//
// A thread gets and puts its views without any lock. Somebody who frees memory has to look into the
// views of others, and to flush them. That is rare, so it pays: the owner notes with a plain store
// that it is at work and looks whether it is wanted; a visitor says that it wants, lets every
// thread pass a barrier (membarrier(2)) and waits until the owner is not at work. Where there is no
// such call the owner's store is a barrier itself.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/os/os.h"
#include "runtime/space/host_views.h"

namespace pageward::engine {

class ViewRegistry;

/// The views of one thread. Everything but what ViewRegistry does is for that thread.
class ThreadViews {
 public:
  ThreadViews(const space::HostViews::Commons& commons, space::ViewReuse reuse)
      : views_(commons, reuse) {}
  ThreadViews(const ThreadViews&) = delete;
  ThreadViews& operator=(const ThreadViews&) = delete;

 private:
  friend class ViewRegistry;
  friend class ViewsAtWork;

  space::HostViews views_;
  std::atomic<std::uint32_t> is_at_work_{0};
  std::atomic<std::uint32_t> is_wanted_{0};
  ThreadViews* next_ = nullptr;
  ThreadViews* previous_ = nullptr;
};

/// Knows the views of all threads of the process. Thread-safe (lock rank kViews).
class ViewRegistry {
 public:
  explicit ViewRegistry(os::Os& os) : os_(os) {}
  ViewRegistry(const ViewRegistry&) = delete;
  ViewRegistry& operator=(const ViewRegistry&) = delete;

  /// Finds out how threads can be visited. Once, first.
  void Start();

  /// Makes views for this thread and prepares them. Errors: as HostViews::Prepare(), kNoMemory.
  Result<ThreadViews*> Add(const space::HostViews::Commons& commons, space::ViewReuse reuse)
      PW_EXCLUDES(mutex_);
  /// Ends views; returns how many of them were live, each of which is reported. The thread that had
  /// them uses them no more.
  std::size_t Remove(ThreadViews& views) PW_EXCLUDES(mutex_);

  /// What the threads' views are found to show of some frames.
  struct Sight {
    bool is_live = false;
    bool is_stale = false;
    const void* site = nullptr;  ///< Who got such a view; null if that is not known.
  };

  /// Looks at everybody's views of `frames` and, if none is live, flushes those of other threads:
  /// each one's at most once.
  ///
  /// Errors: kNotPermitted, kUnsupported if threads can't be visited any more; nothing has changed
  /// then. Requires: this thread is not at work on views.
  Result<Sight> FlushUnlessLive(FrameRange frames, ThreadViews& own) PW_EXCLUDES(mutex_);

  /// The three steps of pthread_atfork(3). The child forgets all views, and reserves their holes.
  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }
  Status ForgetAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;

  std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  friend class ViewsAtWork;

  Status Stop(ThreadViews& own) PW_REQUIRES(mutex_);
  void Resume() PW_REQUIRES(mutex_);
  bool Enter(ThreadViews& views) PW_EXCLUDES(mutex_);
  void WaitForVisitor() PW_EXCLUDES(mutex_) { MutexLock lock(mutex_); }

  os::Os& os_;
  Mutex mutex_{LockRank::kViews};
  ThreadViews* first_ PW_GUARDED_BY(mutex_) = nullptr;
  std::atomic<std::uint32_t> count_{0};
  bool has_barrier_ = false;
};

/// Lets this thread use its views for a scope. Nothing else keeps a visitor away.
class ViewsAtWork {
 public:
  ViewsAtWork(ViewRegistry& registry, ThreadViews& views)
      : views_(views), has_entered_(registry.Enter(views)) {}
  ~ViewsAtWork() {
    if (has_entered_) {
      views_.is_at_work_.store(0, std::memory_order_release);
    }
  }
  ViewsAtWork(const ViewsAtWork&) = delete;
  ViewsAtWork& operator=(const ViewsAtWork&) = delete;

  /// False in a signal handler that has interrupted the same thread at this work.
  bool HasEntered() const { return has_entered_; }
  /// Requires, for both: HasEntered().
  space::HostViews& views() { return views_.views_; }
  space::MermapRegion& region() { return views_.views_.region(); }

 private:
  ThreadViews& views_;
  const bool has_entered_;
};

inline bool ViewRegistry::Enter(ThreadViews& views) {
  for (;;) {
    if (views.is_at_work_.load(std::memory_order_relaxed) != 0) {
      return false;
    }
    if (has_barrier_) {
      views.is_at_work_.store(1, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      views.is_at_work_.exchange(1, std::memory_order_seq_cst);
    }
    if (views.is_wanted_.load(std::memory_order_acquire) == 0) [[likely]] {
      return true;
    }
    views.is_at_work_.store(0, std::memory_order_release);
    WaitForVisitor();
  }
}

}  // namespace pageward::engine
