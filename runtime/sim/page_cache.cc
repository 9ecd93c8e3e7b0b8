#include "runtime/sim/page_cache.h"

#include "runtime/core/check.h"
#include "runtime/sim/frame_window.h"

namespace pageward::sim {

using frame::Mobility;
using frame::Request;
using ptable::SetDirectMapTo;

namespace {

constexpr FrameRange Only(FrameNumber frame) {
  return FrameRange{frame, FrameCount(1)};
}

}  // namespace

// --- Coming in -----------------------------------------------------------------------------------

// The order of secretmem: a zeroed page, out of the direct map, into the cache, flush.
Result<FrameNumber> CachedFile::NewSecret() {
  const Result<FrameNumber> frame =
      kernel().AllocateFrame(Order(0), Request::Mapped(Mobility::kUnmovable));
  if (!frame.ok()) {
    return frame;
  }
  kernel().ClearFrame(*frame);
  const auto changed =
      kernel().direct_map().Change(Only(*frame), SetDirectMapTo::kInvalid, FlushWhen::kLater);
  if (!changed.ok()) {
    kernel().FreeFrame(*frame, Order(0));
    return changed.error();
  }
  return frame;
}

// The frame is hidden already; what it holds is cleared where nobody else can read it.
Result<FrameNumber> CachedFile::NewGuest(Process& process) {
  const Result<FrameNumber> frame = kernel().AllocateHidden();
  if (!frame.ok()) {
    return frame;
  }
  FrameWindow window(simulation_, process, *frame);
  if (!window.IsOpen()) {
    const Error error = window.error();
    kernel().FreeHidden(*frame);
    return error;
  }
  window.Clear();
  return frame;
}

Status CachedFile::Insert(std::uint32_t page, FrameNumber frame) {
  if (simulation_.machine().Fails(FaultPoint::kCacheInsert)) {
    return Error::kNoMemory;
  }
  CurrentCpu().meter().Add(Primitive::kCacheUpdate);
  memory_.pages[page] = frame.value + 1;
  ++cached_pages_;
  // The cache is a user of its frames, and one that does not let them be moved.
  kernel().users().Add(frame, FrameUser{});
  return {};
}

Result<FrameNumber> CachedFile::Add(Process& process, std::uint32_t page) {
  const Result<FrameNumber> frame = kind_ == FileKind::kSecret ? NewSecret() : NewGuest(process);
  if (!frame.ok()) {
    ++counters_.failed_adds;
    return frame;
  }
  if (const Status inserted = Insert(page, *frame); !inserted) {
    ++counters_.failed_adds;
    GiveBack(*frame);
    return inserted.error();
  }
  if (kind_ == FileKind::kSecret) {
    kernel().direct_map().Flush(Only(*frame));
  }
  return frame;
}

Status CachedFile::Fault(Process& process, std::uint32_t page, VirtAddr at) {
  CurrentCpu().meter().Add(Primitive::kFault);
  std::optional<FrameNumber> frame = FrameOf(page);
  if (!frame) {
    const Result<FrameNumber> added = Add(process, page);
    if (!added.ok()) {
      return added.error();
    }
    frame = *added;
    ++counters_.faults;
  }
  return process.MapShared(at, *frame, true);
}

Status CachedFile::Write(Process& process, std::uint32_t page, FillTag content) {
  if (kind_ == FileKind::kSecret) {
    return Error::kUnsupported;
  }
  std::optional<FrameNumber> frame = FrameOf(page);
  if (!frame) {
    // All of the page is about to be written, so nothing has to be cleared before.
    const Result<FrameNumber> hidden = kernel().AllocateHidden();
    if (!hidden.ok()) {
      ++counters_.failed_adds;
      return hidden.error();
    }
    frame = *hidden;
  }
  const bool is_new = !FrameOf(page).has_value();
  {
    FrameWindow window(simulation_, process, *frame);
    if (window.IsOpen()) {
      window.Fill(content);
    } else {
      const Error error = window.error();
      if (is_new) {
        kernel().FreeHidden(*frame);
      }
      return error;
    }
  }
  ++counters_.writes;
  if (is_new) {
    if (const Status inserted = Insert(page, *frame); !inserted) {
      ++counters_.failed_adds;
      GiveBack(*frame);
      return inserted;
    }
  }
  return {};
}

// --- Going out -----------------------------------------------------------------------------------

// The order of secretmem: present again, cleared, and only then free. That cannot fail, because
// whatever had to be split was split when the page came in. A guest's frame stays hidden under the
// grouped policy, and is somebody else's secret or nobody's: it is cleared when it becomes
// ordinary.
void CachedFile::GiveBack(FrameNumber frame) {
  if (kernel().stale().Contains(frame)) {
    counters_.view_flushes += simulation_.FlushStaleViews(Only(frame));
  }
  if (kind_ == FileKind::kSecret) {
    kernel().direct_map().Restore(Only(frame), SetDirectMapTo::kDefault);
    kernel().ClearFrame(frame);
    kernel().FreeFrame(frame, Order(0));
  } else {
    kernel().FreeHidden(frame);
  }
}

std::uint32_t CachedFile::Remove(std::uint32_t first, std::uint32_t count) {
  // One flush for all of them, if views of any are stale.
  bool has_stale = false;
  for (std::uint32_t page = first; page < first + count; ++page) {
    const auto frame = FrameOf(page);
    has_stale = has_stale || (frame && kernel().stale().Contains(*frame));
  }
  if (has_stale) {
    counters_.view_flushes += simulation_.FlushAllStaleViews();
  }
  std::uint32_t removed = 0;
  for (std::uint32_t page = first; page < first + count; ++page) {
    const auto frame = FrameOf(page);
    if (!frame || kernel().users().count(*frame) != 1) {
      continue;
    }
    kernel().users().Remove(*frame);
    memory_.pages[page] = 0;
    --cached_pages_;
    CurrentCpu().meter().Add(Primitive::kCacheUpdate);
    GiveBack(*frame);
    ++removed;
  }
  return removed;
}

void CachedFile::CheckInvariants() const {
  std::uint32_t cached = 0;
  for (std::uint32_t page = 0; page < page_count(); ++page) {
    if (const auto frame = FrameOf(page)) {
      ++cached;
      PW_CHECK(!kernel().direct_map().IsPresent(*frame), Violation::kInvariant, page);
      PW_CHECK(kernel().users().count(*frame) >= 1, Violation::kInvariant, page);
    }
  }
  PW_CHECK(cached == cached_pages_, Violation::kInvariant, cached);
}

}  // namespace pageward::sim
