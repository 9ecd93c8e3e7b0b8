// Views of a pool's memory, and what is copied through them.
#include <cstring>

#include "runtime/engine/unmapped_pool.h"

namespace pageward::engine {

using space::MermapRegion;
using space::ViewAccess;
using space::ViewHandle;
using space::ViewRequest;

namespace {

// Whether there may be room for a view if stale ones go.
bool IsForWantOfMappings(Error error) {
  return error == Error::kTooManyMappings || error == Error::kLimit || error == Error::kNoMemory;
}

}  // namespace

// --- Views ---------------------------------------------------------------------------------------

Result<FrameRange> UnmappedPool::FramesOf(const Part& part, Run* run) const {
  const Result<Run> found = Find(part.memory);
  if (!found.ok()) {
    return found.error();
  }
  const std::uint64_t bytes = found->frames.count.bytes();
  if (part.bytes == 0 || part.offset > bytes || part.bytes > bytes - part.offset) {
    return Error::kInvalid;
  }
  *run = *found;
  const auto first = static_cast<std::uint32_t>(part.offset >> kFrameBytesLog2);
  const FrameCount end = FramesFor(part.offset + part.bytes);
  return FrameRange{found->frames.begin + FrameCount(first), end - FrameCount(first)};
}

template <typename GetView>
Result<ViewHandle> UnmappedPool::GetIfAlive(ThreadViews& views, const Part& part, GetView get) {
  Run run;
  const Result<FrameRange> frames = FramesOf(part, &run);
  if (!frames.ok()) {
    return frames.error();
  }
  ViewsAtWork work(*registry_, views);
  if (!work.HasEntered()) {
    return Error::kNotPermitted;
  }
  MermapRegion& region = work.region();
  Result<ViewHandle> view = get(region, *frames);
  if (!view.ok() && IsForWantOfMappings(view.error()) && region.HasStale()) {
    region.FlushStale();
    view = get(region, *frames);
  }
  if (view.ok() && WordAt(run.frames.begin) != run.word) {
    // Freed meanwhile: nobody has seen the view, and nobody shall find it again.
    static_cast<void>(region.Put(*view));
    region.FlushStale(*frames);
    return Error::kInvalid;
  }
  return view;
}

Result<ViewHandle> UnmappedPool::Get(ThreadViews& views, const Part& part, ViewAccess access,
                                     const void* site) {
  return GetIfAlive(views, part, [&](MermapRegion& region, FrameRange frames) {
    return region.Get(ViewRequest{
        .first = frames.begin, .bytes = frames.count.bytes(), .access = access, .site = site});
  });
}

Result<ViewHandle> UnmappedPool::GetReserved(ThreadViews& views, const Part& part,
                                             ViewAccess access, const void* site) {
  return GetIfAlive(views, part, [&](MermapRegion& region, FrameRange frames) {
    return region.GetReserved(ViewRequest{
        .first = frames.begin, .bytes = frames.count.bytes(), .access = access, .site = site});
  });
}

Status UnmappedPool::Put(ThreadViews& views, const ViewHandle& view) {
  ViewsAtWork work(*registry_, views);
  if (!work.HasEntered() || !work.views().IsProcessContext()) {
    return Error::kNotPermitted;
  }
  return work.region().Put(view);
}

// --- Contents ------------------------------------------------------------------------------------

template <typename Use>
Result<std::uint64_t> UnmappedPool::UseInBatches(ThreadViews& views, const Part& part, Use use) {
  std::uint64_t done = 0;
  while (done < part.bytes) {
    const std::uint64_t offset = part.offset + done;
    // Up to a multiple of a batch, so that batches lie as pageblocks do.
    std::uint64_t bytes = kBatchBytes - offset % kBatchBytes;
    bytes = bytes < part.bytes - done ? bytes : part.bytes - done;
    Part batch{part.memory, offset, bytes};
    Result<ViewHandle> view = Get(views, batch, ViewAccess::kReadWrite, nullptr);
    if (!view.ok() && (view.error() == Error::kInUse || view.error() == Error::kNoAddressSpace)) {
      const std::uint64_t rest = kFrameBytes - offset % kFrameBytes;
      batch.bytes = bytes < rest ? bytes : rest;
      view = GetReserved(views, batch, ViewAccess::kReadWrite, nullptr);
    }
    if (!view.ok()) {
      return view.error();
    }
    std::byte* bytes_shown = view->range().begin.AsPointer<std::byte>() + offset % kFrameBytes;
    const Result<std::uint64_t> used = use(std::span(bytes_shown, batch.bytes), done);
    static_cast<void>(Put(views, *view));
    if (!used.ok()) {
      return done > 0 ? Result<std::uint64_t>(done) : used.error();
    }
    done += *used;
    if (*used == 0) {
      break;
    }
  }
  return done;
}

Status UnmappedPool::Write(ThreadViews& views, UnmappedHandle memory, std::uint64_t offset,
                           std::span<const std::byte> from) {
  const auto copy = [from](std::span<std::byte> to, std::uint64_t done) -> Result<std::uint64_t> {
    std::memcpy(to.data(), from.data() + done, to.size());
    return to.size();
  };
  const Part part{memory, offset, from.size()};
  Run run;
  if (const Result<FrameRange> frames = FramesOf(part, &run); !frames.ok()) {
    return frames.error();
  }
  const Result<std::uint64_t> done = UseInBatches(views, part, copy);
  return done.ok() ? Status() : Status(done.error());
}

Status UnmappedPool::Read(ThreadViews& views, UnmappedHandle memory, std::uint64_t offset,
                          std::span<std::byte> to) {
  const auto copy = [to](std::span<std::byte> from, std::uint64_t done) -> Result<std::uint64_t> {
    std::memcpy(to.data() + done, from.data(), from.size());
    return from.size();
  };
  const Part part{memory, offset, to.size()};
  Run run;
  if (const Result<FrameRange> frames = FramesOf(part, &run); !frames.ok()) {
    return frames.error();
  }
  // As for writing, so that either finds the other's views again.
  const Result<std::uint64_t> done = UseInBatches(views, part, copy);
  return done.ok() ? Status() : Status(done.error());
}

Result<std::uint64_t> UnmappedPool::Populate(ThreadViews& views, const Part& part,
                                             os::Descriptor from) {
  Run run;
  if (const Result<FrameRange> frames = FramesOf(part, &run); !frames.ok()) {
    return frames.error();
  }
  return UseInBatches(views, part,
                      [&](std::span<std::byte> to, std::uint64_t) -> Result<std::uint64_t> {
                        const Result<std::size_t> got = os_->Read(from, to);
                        return got.ok() ? Result<std::uint64_t>(*got) : got.error();
                      });
}

// --- fork(2) -------------------------------------------------------------------------------------

void UnmappedPool::LockForFork() {
  registry_->LockForFork();
}

void UnmappedPool::UnlockAfterFork() {
  registry_->UnlockAfterFork();
}

Status UnmappedPool::ReserveAfterFork() {
  // The thread that forked may have had a view open; its key is for others to be closed by.
  for (unsigned i = 0; i < windows_->count(); ++i) {
    arch::WritePkru(arch::ReadPkru().With(windows_->key(i), arch::KeyAccess::kNone));
  }
  const Status views = registry_->ForgetAfterFork();
  const Status home = zone_->ReserveAfterFork();
  return home.ok() ? views : home;
}

}  // namespace pageward::engine
