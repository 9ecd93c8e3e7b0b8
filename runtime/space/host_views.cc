#include "runtime/space/host_views.h"

#include "runtime/core/check.h"
#include "runtime/keys/handler_context.h"

namespace pageward::space {

using Purpose = keys::KeyBroker::Purpose;

namespace {

os::Protection ProtectionOf(ViewAccess access) {
  return access == ViewAccess::kReadWrite ? os::Protection::kReadWrite : os::Protection::kRead;
}

void SetAccess(arch::Pkey key, arch::KeyAccess access) {
  const arch::Pkru rights = arch::ReadPkru();
  if (rights.AccessOf(key) != access) {
    arch::WritePkru(rights.With(key, access));
  }
}

}  // namespace

HostViews::HostViews(const Commons& commons, ViewReuse reuse)
    : commons_(commons),
      region_(VirtRange{VirtAddr(), kPages * kFrameBytes}, shown_, *this, commons.stale,
              reuse == ViewReuse::kNever ? MermapRegion::Recall()
                                         : MermapRegion::Recall{hints_, rights_, sites_}) {}

Status HostViews::Prepare() {
  const Status prepared = prepared_.Prepare([this]() -> Status {
    const Result<VirtRange> reserved = commons_.os.Reserve(region_.range().bytes, kPageblockBytes);
    if (!reserved.ok()) {
      return reserved.error();
    }
    commons_.os.Name(*reserved, "pageward views");
    region_.Place(*reserved);
    ++preparations_;
    commons_.windows.Add(window_);
    if (const Result<arch::Pkey> closed = commons_.keys.KeyFor(Purpose::kClosed);
        closed.ok() && commons_.windows.count() > 0) {
      mark_ = *closed;
    }
    return Status();
  });
  if (prepared.ok()) {
    keys::ForgetHandlerScopes();
    if (mark_) {
      keys::MarkThread(*mark_);
    }
  }
  return prepared;
}

bool HostViews::IsProcessContext() const {
  return !keys::IsInHandlerScope() && !(mark_ && keys::LooksLikeHandler(*mark_));
}

// --- Rights --------------------------------------------------------------------------------------

void HostViews::Pin() {
  const bool has_keys = commons_.windows.count() > 0;
  if (pins_++ == 0 && has_keys) {
    const unsigned carried = window_.key();
    if (commons_.windows.Open(window_) != carried && carried != WindowKeys::kNoKey) {
      region_.FlushStale();
    }
  }
  if (has_keys) {
    SetAccess(commons_.windows.key(window_.key()), arch::KeyAccess::kReadWrite);
  }
}

void HostViews::Unpin() {
  PW_ASSERT(pins_ > 0);
  if (--pins_ == 0 && commons_.windows.count() > 0) {
    SetAccess(commons_.windows.key(window_.key()), arch::KeyAccess::kNone);
    commons_.windows.Close(window_);
  }
}

Status HostViews::Open(VirtRange at, ViewAccess access) {
  return commons_.windows.count() > 0
             ? commons_.os.ProtectWithKey(at, ProtectionOf(access),
                                          commons_.windows.key(window_.key()))
             : commons_.os.Protect(at, ProtectionOf(access));
}

// --- Mappings ------------------------------------------------------------------------------------

Status HostViews::Map(VirtRange at, FrameRange frames, ViewAccess access) {
  if (!commons_.budget.TryTake()) {
    return Error::kTooManyMappings;
  }
  // The alias is born with the protection and the key of its home, which nobody can open.
  Status made = commons_.os.Alias(commons_.zone.AddressesOf(frames), at);
  if (made.ok()) {
    made = Open(at, access);
    if (!made.ok()) {
      // What can't be unmapped stays as closed as its home.
      static_cast<void>(commons_.os.ReserveAgain(at));
    }
  }
  if (!made.ok()) {
    commons_.budget.GiveBack(1);
    return made;
  }
  const std::uint32_t page = PageOf(at.begin);
  mapped_.Set(page, page + frames.count.value);
  begins_.Set(page, page + 1);
  NoteLive(Pages(page, page + frames.count.value));
  return Status();
}

void HostViews::Unmap(VirtRange at) {
  const Pages pages(PageOf(at.begin), PageOf(at.end()));
  if (!EndLive(pages) || commons_.windows.count() > 0) {
    return;
  }
  if (!commons_.os.Protect(at, os::Protection::kNone).ok()) {
    Drop(pages.begin(), pages.end());
  }
}

Status HostViews::Remap(VirtRange at, ViewAccess access) {
  const std::uint32_t page = PageOf(at.begin);
  const std::uint32_t end = PageOf(at.end());
  const bool is_there =
      end == page + 1 ? mapped_.Test(page) : mapped_.Count(page, end) == end - page;
  if (!is_there) {
    return Error::kInvalid;
  }
  if (commons_.windows.count() == 0) {
    if (const Status opened = Open(at, access); !opened.ok()) {
      return opened;
    }
  }
  NoteLive(Pages(page, end));
  return Status();
}

void HostViews::Flush(VirtRange at) {
  ++flushes_;
  std::uint32_t page = PageOf(at.begin);
  const std::uint32_t end = PageOf(at.end());
  while (page < end) {
    // The next live view, and what lies before it.
    std::uint32_t stop = end;
    std::uint32_t next = end;
    for (const Pages live : live_) {
      if (live.end() > page && live.begin() < stop) {
        stop = live.begin() > page ? live.begin() : page;
        next = live.end();
      }
    }
    if (stop > page && mapped_.Any(page, stop)) {
      Drop(page, stop);
    }
    page = next;
  }
}

// Unmaps what is there. A system that can't do even that, for it has no mapping left to split with,
// is asked to close it; that must succeed, for a flush has no way to fail.
void HostViews::Drop(std::uint32_t begin, std::uint32_t end) {
  const VirtRange range = PagesAt(begin, end);
  if (!commons_.os.ReserveAgain(range).ok()) {
    ++flushes_by_closing_;
    const Status closed = commons_.os.Protect(range, os::Protection::kNone);
    PW_CHECK(closed.ok(), Violation::kProtection, range.begin.value());
  }
  NoteUnmapped(begin, end);
}

void HostViews::NoteUnmapped(std::uint32_t begin, std::uint32_t end) {
  if (end < kPages && mapped_.Test(end) && !begins_.Test(end)) {
    // The rest of a view whose beginning goes is a mapping of its own.
    begins_.Set(end, end + 1);
    commons_.budget.Add();
  }
  commons_.budget.GiveBack(begins_.Count(begin, end));
  begins_.Clear(begin, end);
  mapped_.Clear(begin, end);
  if (pins_ == 0 && window_.key() != WindowKeys::kNoKey && !mapped_.Any(0, kPages)) {
    commons_.windows.Release(window_);
  }
}

void HostViews::NoteLive(Pages pages) {
  for (Pages& live : live_) {
    if (live.IsEmpty()) {
      live = pages;
      return;
    }
  }
  PW_CHECK(false, Violation::kInvariant, pages.begin());
}

bool HostViews::EndLive(Pages pages) {
  for (Pages& live : live_) {
    if (live == pages) {
      live = Pages();
      return true;
    }
  }
  return false;
}

// --- The end -------------------------------------------------------------------------------------

std::size_t HostViews::TearDown() {
  if (!IsPrepared()) {
    return 0;
  }
  const std::size_t live = region_.TearDown();
  live_ = {};
  if (pins_ > 0) {
    pins_ = 1;
    Unpin();
  }
  if (mapped_.Any(0, kPages)) {
    Drop(0, kPages);
  }
  // Where this fails the addresses stay reserved, which nobody misses.
  static_cast<void>(commons_.os.Unmap(region_.range()));
  commons_.windows.Remove(window_);
  prepared_.Reset();
  return live;
}

Status HostViews::ReserveAfterFork() {
  if (!IsPrepared()) {
    return Status();
  }
  prepared_.Reset();
  std::uint32_t page = 0;
  while (page < kPages) {
    const std::uint32_t begin = mapped_.Find(page, kPages, true);
    const std::uint32_t end = mapped_.Find(begin, kPages, false);
    if (begin < end) {
      if (const Status reserved = commons_.os.ReserveHole(PagesAt(begin, end)); !reserved.ok()) {
        return reserved;
      }
    }
    page = end;
  }
  return Status();
}

}  // namespace pageward::space
