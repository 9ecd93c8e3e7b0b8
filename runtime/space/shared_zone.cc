#include "runtime/space/shared_zone.h"

#include <cstring>

#include "runtime/core/check.h"

namespace pageward::space {

using frame::Freetype;
using frame::Visibility;
using Purpose = keys::KeyBroker::Purpose;

Status SharedZone::MapHome(VirtRange home, os::SharedMemory kind) {
  const Result<os::Descriptor> memory = os_.CreateShared(kind, home.bytes);
  if (!memory.ok()) {
    return memory.error();
  }
  Status mapped = os_.MapShared(*memory, home, os::Protection::kReadWrite);
  os_.Close(*memory);
  if (!mapped.ok()) {
    return mapped;
  }
  mapped = os_.ExcludeFromFork(home);
  if (mapped.ok()) {
    mapped = os_.ExcludeFromDump(home);
  }
  if (!mapped.ok()) {
    static_cast<void>(os_.ReserveAgain(home));
  }
  return mapped;
}

Status SharedZone::Init(VirtRange home, os::SharedMemory wanted, IfRefused if_refused) {
  PW_ASSERT(home.bytes > 0 && home.bytes % kPageblockBytes == 0 && home_.bytes == 0);
  const Result<VirtRange> views = os_.Reserve(kViewBytes, kPageblockBytes);
  if (!views.ok()) {
    return views.error();
  }
  kind_ = wanted;
  Status mapped = MapHome(home, wanted);
  if (!mapped.ok() && wanted == os::SharedMemory::kSecret &&
      if_refused == IfRefused::kTakeOrdinary) {
    refusal_ = mapped.error();
    kind_ = os::SharedMemory::kOrdinary;
    mapped = MapHome(home, kind_);
  }
  if (!mapped.ok()) {
    static_cast<void>(os_.Unmap(*views));
    return mapped;
  }
  home_ = home;
  views_ = *views;
  return Status();
}

Status SharedZone::Init(std::uint64_t bytes, os::SharedMemory wanted) {
  const Result<VirtRange> home = os_.Reserve(bytes, kPageblockBytes);
  if (!home.ok()) {
    return home.error();
  }
  const Status mapped = Init(*home, wanted, IfRefused::kTakeOrdinary);
  if (!mapped.ok()) {
    static_cast<void>(os_.Unmap(*home));
  }
  return mapped;
}

void SharedZone::Release() {
  if (home_.bytes > 0) {
    static_cast<void>(os_.Unmap(views_));
    home_ = VirtRange();
  }
}

Status SharedZone::ReserveAfterFork() {
  if (home_.bytes == 0) {
    return Status();
  }
  // Views that were being made when the process forked are holes, too; all else is reserved still.
  for (std::uint64_t at = 0; live_views_ > 0 && at < next_view_; at += kFrameBytes) {
    static_cast<void>(os_.ReserveHole(VirtRange{views_.begin + at, kFrameBytes}));
  }
  return os_.ReserveHole(home_);
}

// --- The home mapping ----------------------------------------------------------------------------

Status SharedZone::CloseHome(VirtRange range) {
  visibility_changes_.fetch_add(1, std::memory_order_relaxed);
  const Result<arch::Pkey> key = keys_.KeyFor(Purpose::kClosed);
  return key.ok() ? os_.ProtectWithKey(range, os::Protection::kNone, *key)
                  : os_.Protect(range, os::Protection::kNone);
}

Status SharedZone::OpenHome(VirtRange range) {
  visibility_changes_.fetch_add(1, std::memory_order_relaxed);
  return keys_.ClaimedKey(Purpose::kClosed)
             ? os_.ProtectWithKey(range, os::Protection::kReadWrite, arch::kDefaultPkey)
             : os_.Protect(range, os::Protection::kReadWrite);
}

Status SharedZone::SetVisibility(BlockRange blocks, Freetype to) {
  const VirtRange range = AddressesOf(blocks.frames());
  switch (to.visibility) {
    case Visibility::kMapped:
      return OpenHome(range);
    case Visibility::kUnmapped:
      return CloseHome(range);
    case Visibility::kKeyed:
      break;  // Keyed memory is private: it must survive fork(2) as a heap does.
  }
  return Error::kUnsupported;
}

void SharedZone::RestoreVisibility(BlockRange blocks, Freetype old) {
  const Status restored = SetVisibility(blocks, old);
  // The mapping is as it was, or a claim that it is protected would be wrong.
  PW_CHECK(restored.ok(), Violation::kProtection, AddressesOf(blocks.frames()).begin.value());
}

void SharedZone::Flush(BlockRange) {
  // The system call that took the rights away has made every processor forget them.
  flushes_.fetch_add(1, std::memory_order_relaxed);
}

Status SharedZone::Scrub(BlockRange blocks) {
  // Through a view, so that the contents are never reachable at home; a block at a time bounds it.
  for (std::uint32_t i = 0; i < blocks.count; ++i) {
    const FrameView view(*this, BlockRange{blocks.begin + i, 1}.frames());
    if (!view.IsMade()) {
      return view.error();
    }
    std::memset(view.range().begin.AsPointer(), 0, view.range().bytes);
    scrubbed_blocks_.fetch_add(1, std::memory_order_relaxed);
  }
  return Status();
}

// --- Views ---------------------------------------------------------------------------------------

Result<VirtRange> SharedZone::MakeView(FrameRange frames) {
  const VirtRange home = AddressesOf(frames);
  VirtRange at;
  {
    MutexLock lock(mutex_);
    if (home.bytes > kViewBytes - next_view_) {
      return Error::kInUse;
    }
    at = VirtRange{views_.begin + next_view_, home.bytes};
    next_view_ += home.bytes;
    ++live_views_;
  }
  // Shared memory can only be mapped again with the rights of its home: closed, as it should be. A
  // mapping that is open is closed in the alias before anybody can use it.
  Status made = os_.Alias(home, at);
  if (made.ok()) {
    const Result<arch::Pkey> key = keys_.KeyFor(Purpose::kView);
    made = key.ok() ? os_.ProtectWithKey(at, os::Protection::kReadWrite, *key)
                    : os_.Protect(at, os::Protection::kReadWrite);
  }
  if (!made.ok()) {
    DropView(at);
    return made.error();
  }
  made_views_.fetch_add(1, std::memory_order_relaxed);
  return at;
}

void SharedZone::DropView(VirtRange view) {
  const Status dropped = os_.ReserveAgain(view);
  PW_CHECK(dropped.ok(), Violation::kProtection, view.begin.value());
  MutexLock lock(mutex_);
  if (--live_views_ == 0) {
    next_view_ = 0;
  }
}

FrameView::FrameView(SharedZone& zone, FrameRange frames)
    : zone_(zone),
      view_(zone.MakeView(frames)),
      access_(view_.ok() ? zone.keys_.ClaimedKey(Purpose::kView) : std::nullopt,
              arch::KeyAccess::kReadWrite) {}

FrameView::~FrameView() {
  if (view_.ok()) {
    zone_.DropView(*view_);
  }
}

SharedZone::Counters SharedZone::counters() const {
  const auto load = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  return Counters{.visibility_changes = load(visibility_changes_),
                  .flushes = load(flushes_),
                  .scrubbed_blocks = load(scrubbed_blocks_),
                  .views = load(made_views_)};
}

}  // namespace pageward::space
