#include "runtime/engine/thread_views.h"

#include <new>

#include "runtime/core/bits.h"
#include "runtime/os/syscall.h"

namespace pageward::engine {
namespace {

constexpr std::uint64_t kBytes = AlignUp(std::uint64_t{sizeof(ThreadViews)}, kFrameBytes);

VirtRange MemoryOf(const ThreadViews& views) {
  return VirtRange{VirtAddr::Of(&views), kBytes};
}

}  // namespace

void ViewRegistry::Start() {
  has_barrier_ = os_.SynchronizeThreads().ok();
}

Result<ThreadViews*> ViewRegistry::Add(const space::HostViews::Commons& commons,
                                       space::ViewReuse reuse) {
  const Result<VirtRange> memory = os_.MapZeroed(kBytes);
  if (!memory.ok()) {
    return Error::kNoMemory;
  }
  auto* views = ::new (memory->begin.AsPointer()) ThreadViews(commons, reuse);
  if (const Status prepared = views->views_.Prepare(); !prepared.ok()) {
    static_cast<void>(os_.Unmap(*memory));
    return prepared.error();
  }
  MutexLock lock(mutex_);
  views->next_ = first_;
  if (first_ != nullptr) {
    first_->previous_ = views;
  }
  first_ = views;
  count_.fetch_add(1, std::memory_order_relaxed);
  return views;
}

std::size_t ViewRegistry::Remove(ThreadViews& views) {
  std::size_t live = 0;
  {
    MutexLock lock(mutex_);
    (views.previous_ != nullptr ? views.previous_->next_ : first_) = views.next_;
    if (views.next_ != nullptr) {
      views.next_->previous_ = views.previous_;
    }
    count_.fetch_sub(1, std::memory_order_relaxed);
    live = views.views_.TearDown();
  }
  static_cast<void>(os_.Unmap(MemoryOf(views)));
  return live;
}

// Waits until nobody but this thread is at work on views, and keeps it so.
Status ViewRegistry::Stop(ThreadViews& own) {
  bool has_others = false;
  for (ThreadViews* views = first_; views != nullptr; views = views->next_) {
    views->is_wanted_.store(views == &own ? 0 : 1, std::memory_order_seq_cst);
    has_others = has_others || views != &own;
  }
  own.is_at_work_.store(1, std::memory_order_relaxed);
  if (has_others && has_barrier_) {
    if (const Status reached = os_.SynchronizeThreads(); !reached.ok()) {
      return reached;
    }
  }
  for (ThreadViews* views = first_; views != nullptr; views = views->next_) {
    while (views != &own && views->is_at_work_.load(std::memory_order_seq_cst) != 0) {
      static_cast<void>(os::Syscall(SYS_sched_yield));
    }
  }
  return Status();
}

void ViewRegistry::Resume() {
  for (ThreadViews* views = first_; views != nullptr; views = views->next_) {
    views->is_wanted_.store(0, std::memory_order_release);
  }
}

Result<ViewRegistry::Sight> ViewRegistry::FlushUnlessLive(FrameRange frames, ThreadViews& own) {
  MutexLock lock(mutex_);
  Sight sight;
  const Status stopped = Stop(own);
  for (ThreadViews* views = first_; stopped.ok() && views != nullptr; views = views->next_) {
    const space::MermapRegion& region = views->views_.region();
    sight.is_live = sight.is_live || region.ShowsLive(frames);
    sight.is_stale = sight.is_stale || region.ShowsStale(frames);
    sight.site = sight.site == nullptr ? region.SiteOf(frames) : sight.site;
  }
  for (ThreadViews* views = first_; views != nullptr; views = views->next_) {
    if (stopped.ok() && !sight.is_live && views != &own) {
      views->views_.region().FlushStale(frames);
    }
  }
  Resume();
  own.is_at_work_.store(0, std::memory_order_release);
  return stopped.ok() ? Result<Sight>(sight) : stopped.error();
}

Status ViewRegistry::ForgetAfterFork() {
  Status reserved;
  while (first_ != nullptr) {
    ThreadViews& views = *first_;
    first_ = views.next_;
    if (const Status hole = views.views_.ReserveAfterFork(); !hole.ok()) {
      reserved = hole;
    }
    // The rest of its addresses stays reserved: it costs nothing, and nobody shall get it.
    static_cast<void>(os_.Unmap(MemoryOf(views)));
  }
  count_.store(0, std::memory_order_relaxed);
  mutex_.ReinitializeAfterFork();
  return reserved;
}

}  // namespace pageward::engine
