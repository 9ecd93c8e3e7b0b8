#include "runtime/engine/unmapped_pool.h"

#include <unistd.h>

#include <cstring>

#include "runtime/core/bits.h"
#include "runtime/core/text.h"

namespace pageward::engine {

using space::ViewHandle;
using space::ViewRequest;

namespace {

// The tables beside the zone, by index.
enum Table : unsigned { kBlockRecords, kLeaves, kShownFrames, kRuns, kTableCount };

constexpr std::uint32_t kTableBytes[kTableCount] = {
    sizeof(frame::BlockRecord),
    space::LeafTable::kBytes,
    kPageblockFrames * sizeof(std::uint32_t),
    kPageblockFrames * sizeof(std::uint64_t),
};

// A word of kRuns, for the first frame of a run: how long it is, what state it is in, and which one
// of all that ever began there. The latter stays when the run goes.
constexpr std::uint64_t kCountMask = (std::uint64_t{1} << 29) - 1;
constexpr std::uint64_t kAlive = std::uint64_t{1} << 30;
constexpr std::uint64_t kBeingFreed = std::uint64_t{1} << 31;
constexpr unsigned kGenerationShift = 32;
constexpr unsigned kEpochShift = 24;  // Within a generation.

bool Exchange(std::uint64_t& word, std::uint64_t from, std::uint64_t to) {
  return __atomic_compare_exchange_n(&word, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

std::uint32_t NextGeneration(std::uint64_t word, std::uint32_t epoch) {
  const auto counter = static_cast<std::uint32_t>(word >> kGenerationShift) + 1;
  return (counter & ((1u << kEpochShift) - 1)) | epoch << kEpochShift;
}

// Not to be left out by a compiler that sees nobody read it again.
void WipeBytes(VirtRange range) {
  void* bytes = range.begin.AsPointer();
  std::memset(bytes, 0, range.bytes);
  asm volatile("" : : "r"(bytes) : "memory");
}

bool GrantsSecret(os::Os& os, std::uint64_t bytes) {
  const Result<VirtRange> range = os.Reserve(bytes, kPageblockBytes);
  if (!range.ok()) {
    return false;
  }
  const Result<os::Descriptor> memory = os.CreateShared(os::SharedMemory::kSecret, bytes);
  bool is_granted = memory.ok();
  if (is_granted) {
    is_granted = os.MapShared(*memory, *range, os::Protection::kNone).ok();
    os.Close(*memory);
  }
  static_cast<void>(os.Unmap(*range));
  return is_granted;
}

// What a pool without a size of its own gets: as much secret memory as may be locked twice, since
// views count as well.
std::uint64_t DefaultBytes(os::Os& os, bool uses_secret) {
  for (std::uint64_t bytes = UnmappedPool::kDefaultBytes; uses_secret && bytes >= kPageblockBytes;
       bytes /= 2) {
    if (GrantsSecret(os, 2 * bytes)) {
      return bytes;
    }
  }
  return UnmappedPool::kDefaultBytes;
}

}  // namespace

// --- Starting ------------------------------------------------------------------------------------

Status UnmappedPool::Start(os::Os& os, keys::KeyBroker& keys, const Options& options) {
  PW_ASSERT(!IsStarted());
  if (options.bytes != 0 && (options.bytes < kPageblockBytes || !IsPowerOfTwo(options.bytes) ||
                             options.bytes > kCountMask << kFrameBytesLog2)) {
    return Error::kInvalid;
  }
  os_ = &os;
  keys_ = &keys;
  options_ = options;
  const std::uint64_t bytes =
      options.bytes != 0 ? options.bytes : DefaultBytes(os, options.uses_secret);
  const Result<space::ZoneReservation> reserved =
      space::ZoneReservation::Make(os, bytes, bytes, kTableBytes);
  if (!reserved.ok()) {
    return reserved.error();
  }
  reservation_ = *reserved;
  const Status taken = TakeOut();
  if (!taken.ok()) {
    GiveBack();
  }
  return taken;
}

void UnmappedPool::GiveBack() {
  if (zone_.IsMade()) {
    zone_->Release();
  }
  static_cast<void>(os_->Unmap(reservation_.whole()));
}

Status UnmappedPool::TakeOut() {
  const BlockRange blocks{BlockNumber(0), reservation_.block_count()};
  if (const Status committed = reservation_.CommitTables(*os_, blocks); !committed.ok()) {
    return committed;
  }
  zone_.Emplace(*os_, *keys_);
  const auto wanted =
      options_.uses_secret ? os::SharedMemory::kSecret : os::SharedMemory::kOrdinary;
  const auto if_refused = options_.requires_secret ? space::SharedZone::IfRefused::kFail
                                                   : space::SharedZone::IfRefused::kTakeOrdinary;
  if (const Status made = zone_->Init(reservation_.frames(), wanted, if_refused); !made.ok()) {
    return made;
  }
  if (kind() == os::SharedMemory::kOrdinary) {
    if (const Status locked = os_->LockWhenTouched(zone_->range()); !locked.ok()) {
      lock_refusal_ = locked.error();
    }
  }
  const auto table = [this](unsigned index) { return reservation_.table(index); };
  const std::uint32_t count = blocks.count * kPageblockFrames;
  runs_ = std::span(table(kRuns).begin.AsPointer<std::uint64_t>(), count);
  shown_.Emplace(std::span(table(kShownFrames).begin.AsPointer<std::uint32_t>(), count));
  leaves_.Emplace(*os_, table(kLeaves));
  frames_.Emplace(
      std::span(table(kBlockRecords).begin.AsPointer<frame::BlockRecord>(), blocks.count),
      frame::PageAllocator::Seams{*leaves_, *zone_});
  frames_->AddBlocks(blocks, frame::Mobility::kUnmovable);
  // Nobody knows the addresses yet, so nothing has been written, and all is zero.
  const Result<FrameRange> all =
      frames_->AllocateRun(FrameCount(count), kPageblockOrder, frame::Request::Unmapped());
  if (!all.ok()) {
    return all.error();
  }
  frames_->FreeRun(*all);
  windows_.Emplace(*os_, *keys_);
  budget_.Emplace(options_.most_view_mappings);
  registry_.Emplace(*os_).Start();
  return Status();
}

void UnmappedPool::Stop() {
  PW_ASSERT(registry_->count() == 0);
  GiveBack();
}

UnmappedCounters UnmappedPool::counters() {
  const auto load = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  return UnmappedCounters{.allocations = load(allocations_),
                          .frees = load(frees_),
                          .allocated_bytes = load(allocated_bytes_),
                          .wiped_bytes = load(wiped_bytes_),
                          .freed_while_open = load(freed_while_open_),
                          .freed_while_stale = load(freed_while_stale_),
                          .left_open = load(left_open_),
                          .shared_openings = windows_->shared_openings(),
                          .view_mappings = budget_->used()};
}

// --- Threads -------------------------------------------------------------------------------------

Result<ThreadViews*> UnmappedPool::AddThread(space::ViewReuse reuse) {
  return registry_->Add(commons(), reuse);
}

Status UnmappedPool::PrepareAgain(ThreadViews& views) {
  ViewsAtWork work(*registry_, views);
  return work.HasEntered() ? work.views().Prepare() : Status(Error::kNotPermitted);
}

void UnmappedPool::RemoveThread(ThreadViews& views) {
  left_open_.fetch_add(registry_->Remove(views), std::memory_order_relaxed);
}

// --- Memory --------------------------------------------------------------------------------------

Result<UnmappedHandle> UnmappedPool::Allocate(std::uint64_t bytes) {
  if (bytes == 0) {
    return Error::kInvalid;
  }
  if (bytes > zone_->range().bytes) {
    return Error::kNoFrames;
  }
  // Whole pageblocks lie as huge pages would.
  const Order alignment = bytes >= kPageblockBytes ? kPageblockOrder : Order(0);
  const Result<FrameRange> run =
      frames_->AllocateRun(FramesFor(bytes), alignment, frame::Request::Unmapped());
  if (!run.ok()) {
    return run.error();
  }
  std::uint64_t& word = WordOf(run->begin);
  const std::uint64_t generation = NextGeneration(WordAt(run->begin), options_.epoch);
  __atomic_store_n(&word, generation << kGenerationShift | kAlive | run->count.value,
                   __ATOMIC_SEQ_CST);
  allocations_.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes_.fetch_add(run->count.bytes(), std::memory_order_relaxed);
  return UnmappedHandle{generation << kGenerationShift | (run->begin.value + 1)};
}

Result<UnmappedPool::Run> UnmappedPool::Find(UnmappedHandle memory) const {
  const auto number = static_cast<std::uint32_t>(memory.value);
  if (number == 0 || number > runs_.size()) {
    return Error::kInvalid;
  }
  const FrameNumber first(number - 1);
  const std::uint64_t word = WordAt(first);
  const std::uint64_t expected = memory.value >> kGenerationShift << kGenerationShift | kAlive;
  if ((word & ~kCountMask) != expected) {
    return Error::kInvalid;
  }
  return Run{FrameRange{first, FrameCount(static_cast<std::uint32_t>(word & kCountMask))}, word};
}

Result<std::uint64_t> UnmappedPool::SizeOf(UnmappedHandle memory) const {
  const Result<Run> run = Find(memory);
  return run.ok() ? Result<std::uint64_t>(run->frames.count.bytes()) : run.error();
}

bool UnmappedPool::IsOfParent(UnmappedHandle memory) const {
  const std::uint64_t epoch = memory.value >> (kGenerationShift + kEpochShift);
  return memory.value != 0 && epoch != (options_.epoch & 0xff);
}

Status UnmappedPool::Free(ThreadViews& views, UnmappedHandle memory, const void* site) {
  {
    ViewsAtWork work(*registry_, views);
    if (!work.HasEntered() || !work.views().IsProcessContext()) {
      return Error::kNotPermitted;
    }
  }
  const Result<Run> run = Find(memory);
  // From here on whoever gets a view finds the run gone and gives it back.
  std::uint64_t& word = WordOf(run.ok() ? run->frames.begin : FrameNumber(0));
  const std::uint64_t being_freed = run.ok() ? run->word ^ kAlive ^ kBeingFreed : 0;
  if (!run.ok() || !Exchange(word, run->word, being_freed)) {
    return Error::kInvalid;
  }
  const auto keep = [&](Error error) -> Status {
    __atomic_store_n(&word, run->word, __ATOMIC_SEQ_CST);
    return error;
  };
  ViewRegistry::Sight sight;
  if (shown_->IsAnyShown(run->frames)) {
    const Result<ViewRegistry::Sight> seen = registry_->FlushUnlessLive(run->frames, views);
    if (!seen.ok()) {
      return keep(seen.error());
    }
    sight = *seen;
  }
  if (sight.is_live) {
    freed_while_open_.fetch_add(1, std::memory_order_relaxed);
    Report("open", run->frames, sight.site, site);
    return keep(Error::kInUse);
  }
  if (sight.is_stale) {
    Report("stale", run->frames, sight.site, site);
  }
  if (const Status wiped = Wipe(views, run->frames); !wiped.ok()) {
    return keep(wiped.error());
  }
  freed_while_stale_.fetch_add(sight.is_stale ? 1 : 0, std::memory_order_relaxed);
  frees_.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes_.fetch_sub(run->frames.count.bytes(), std::memory_order_relaxed);
  __atomic_store_n(&word, run->word >> kGenerationShift << kGenerationShift, __ATOMIC_SEQ_CST);
  frames_->FreeRun(run->frames);
  return Status();
}

Status UnmappedPool::Wipe(ThreadViews& views, FrameRange frames) {
  while (!frames.IsEmpty()) {
    ViewsAtWork work(*registry_, views);
    const std::uint32_t batch = static_cast<std::uint32_t>(kBatchBytes >> kFrameBytesLog2);
    FrameCount count(frames.count.value < batch ? frames.count.value : batch);
    Result<ViewHandle> view =
        work.region().Get(ViewRequest{.first = frames.begin, .bytes = count.bytes()});
    if (!view.ok()) {
      // The page that is kept for what must not fail.
      count = FrameCount(1);
      view = work.region().GetReserved(ViewRequest{.first = frames.begin});
    }
    if (!view.ok()) {
      return view.error();
    }
    WipeBytes(view->range());
    static_cast<void>(work.region().Put(*view));
    wiped_bytes_.fetch_add(count.bytes(), std::memory_order_relaxed);
    work.region().FlushStale(FrameRange{frames.begin, count});
    frames = FrameRange{frames.begin + count, frames.count - count};
  }
  return Status();
}

void UnmappedPool::Report(const char* what, FrameRange frames, const void* got_by,
                          const void* freed_by) {
  if (!options_.reports_views) {
    return;
  }
  Text<200> line;
  line.Append("pageward: views: memory of ").AppendDecimal(frames.count.bytes());
  line.Append(" bytes is freed by ").AppendHex(VirtAddr::Of(freed_by).value());
  line.Append(" while a view of it is ").Append(what).Append(", got by ");
  line.AppendHex(VirtAddr::Of(got_by).value());
  line.EndLine();
  os_->Write(os::Descriptor{STDERR_FILENO}, line.view());
}

}  // namespace pageward::engine
