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
#ifndef __SANITIZE_THREAD__
  has_barrier_ = os_.SynchronizeThreads().ok();
#endif
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

template <typename Visitor>
Status ViewRegistry::VisitAll(ThreadViews& own, Visitor visit) {
  MutexLock lock(mutex_);
  bool has_others = false;
  for (ThreadViews* views = first_; views != nullptr; views = views->next_) {
    if (views != &own) {
      views->is_wanted_.store(1, std::memory_order_seq_cst);
      has_others = true;
    }
  }
  Status visited;
  if (has_others && has_barrier_) {
    visited = os_.SynchronizeThreads();
  }
  for (ThreadViews* views = first_; views != nullptr; views = views->next_) {
    if (visited.ok()) {
      if (views == &own) {
        own.is_at_work_.store(1, std::memory_order_relaxed);
      } else {
        while (views->is_at_work_.load(std::memory_order_seq_cst) != 0) {
          static_cast<void>(os::Syscall(SYS_sched_yield));
        }
      }
      visit(*views);
    }
    (views == &own ? views->is_at_work_ : views->is_wanted_).store(0, std::memory_order_release);
  }
  return visited;
}

Status ViewRegistry::FlushStale(FrameRange frames, ThreadViews& own) {
  return VisitAll(own, [frames](ThreadViews& views) {
    space::MermapRegion& region = views.views_.region();
    region.FlushStale(frames);
  });
}

Result<const void*> ViewRegistry::SiteOf(FrameRange frames, ThreadViews& own) {
  const void* site = nullptr;
  const Status visited = VisitAll(own, [&](ThreadViews& views) {
    if (site == nullptr) {
      site = views.views_.region().SiteOf(frames);
    }
  });
  if (!visited.ok()) {
    return visited.error();
  }
  return site;
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
