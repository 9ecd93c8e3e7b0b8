#include "runtime/sim/process.h"

#include "runtime/core/check.h"
#include "runtime/sim/process_flusher.h"

namespace pageward::sim {

using frame::Mobility;
using frame::Request;
using ptable::Behind;
using ptable::Covers;
using ptable::Cursor;
using ptable::FlushMode;
using ptable::FlushRequest;
using ptable::LeafAttributes;
using ptable::Mapper;
using ptable::MapRequest;
using ptable::TlbGather;
using ptable::UnmapMode;

namespace {

constexpr unsigned LevelOf(AreaPages pages) {
  return pages == AreaPages::kLarge ? 1 : 0;
}

constexpr Order OrderOf(unsigned level) {
  return level == 0 ? Order(0) : kPageblockOrder;
}

LeafAttributes UserLeaf(bool is_writable) {
  return LeafAttributes{.permissions = {.is_writable = is_writable, .is_user = true}};
}

}  // namespace

// Flushes for whoever changes the tables with the lock of the process held.
class Process::TableFlusher final : public ptable::TlbFlusher {
 public:
  explicit TableFlusher(Process& process) : process_(process) {}

  // The analysis cannot know whose lock it is.
  void Flush(const FlushRequest& request) override PW_NO_THREAD_SAFETY_ANALYSIS {
    process_.Flush(request);
  }

 private:
  Process& process_;
};

class Process::FrameGather {
 public:
  explicit FrameGather(Process& process) : process_(process) {}
  ~FrameGather() { PW_ASSERT(count_ == 0); }
  FrameGather(const FrameGather&) = delete;
  FrameGather& operator=(const FrameGather&) = delete;

  bool IsFull() const { return count_ == kFramesPerFlush; }
  void Add(FrameNumber frame, unsigned level) { frames_[count_++] = Entry{frame, level}; }
  // Requires: what was collected has been flushed.
  void Release() {
    for (std::size_t i = 0; i < count_; ++i) {
      process_.DropUser(frames_[i].frame, frames_[i].level);
    }
    count_ = 0;
  }

 private:
  struct Entry {
    FrameNumber frame;
    unsigned level = 0;
  };

  Process& process_;
  std::array<Entry, kFramesPerFlush> frames_;
  std::size_t count_ = 0;
};

Process::Memory Process::Memory::CarveFrom(Carver& carver, std::uint32_t cpus) {
  Memory memory;
  memory.mm_local = MmLocal::Memory::CarveFrom(carver, cpus);
  memory.tasks = carver.Take<Task>(cpus);
  return memory;
}

Process::Process(Kernel& kernel, ProcessNumber number, const Memory& memory)
    : kernel_(kernel),
      number_(number),
      memory_(memory),
      tables_(kernel.tables(), kernel.ram(),
              AccountId{static_cast<std::uint16_t>(kFirstProcessAccount + number.value)}) {
  PW_ASSERT(number.value > 0 && number.value <= kMostProcesses);
}

// --- Coming and going ----------------------------------------------------------------------------

Status Process::Create() {
  PW_ASSERT(!is_alive_);
  const std::optional<PhysAddr> root = tables_.Allocate();
  if (!root) {
    return Error::kNoFrames;
  }
  KernelTable& kernel_table = kernel_.direct_map().table();
  root_ = *root;
  for (Task& task : memory_.tasks) {
    task = Task{.root = root_, .pcid = pcid()};
  }
  table_.emplace(kernel_table.format(), kernel_.memory(), *root, 0,
                 ptable::RootEntries{0, kFirstKernelEntry});
  {
    // The kernel's half is the same for all, but for the region of this process.
    const TableBatch batch(kernel_.memory());
    for (unsigned entry = kFirstKernelEntry; entry < Shape::Entries(Shape::kTopLevel); ++entry) {
      const std::uint64_t word = kernel_.memory().Load(ptable::SlotOf(kernel_table.root(), entry));
      if (word != 0 && entry != TopEntryOf(kMmLocal.begin)) {
        kernel_.memory().Store(ptable::SlotOf(*root, entry), word);
      }
    }
  }
  mm_local_.emplace(kernel_, memory_.mm_local, root_, pcid(), tables_);
  user_root_.emplace(kernel_.memory(), tables_);
  if (kernel_.config().user_tables == UserTables::kIsolated) {
    if (const Status created = user_root_->Create(*root, kernel_table.format()); !created) {
      tables_.Free(*root);
      return created;
    }
  }
  cpus_ = ptable::CpuSet();
  is_alive_ = true;
  return {};
}

void Process::Exit() {
  PW_ASSERT(is_alive_);
  {
    ProcessLock lock(mutex_);
    const Status unmapped = UnmapRange(kUserHalf);
    PW_CHECK(unmapped.ok(), Violation::kInvariant, number_.value);
    area_count_ = 0;
    // Nothing of it may be cached when its PCID is another's.
    Flush(FlushRequest{kUserHalf, kFrameBytesLog2});
  }
  mm_local_->TearDown(user_root_->Exists() ? &*user_root_ : nullptr);
  if (user_root_->Exists()) {
    user_root_->Destroy();
  }
  PW_CHECK(table_->table_count() == 0, Violation::kInvariant, number_.value);
  is_alive_ = false;
  tables_.Free(root_);
  table_.reset();
}

void Process::Run() {
  PW_ASSERT(is_alive_);
  CurrentCpu().SwitchTo(task(CurrentCpu().number().value));
  ProcessLock lock(mutex_);
  cpus_.Add(CurrentCpu().number());
}

// The user's root loses what the kernel's has lost before anybody is told to forget it, and so
// before any table that it led to is free.
void Process::Flush(const FlushRequest& request) {
  SyncUserRoot(request.range);
  ProcessFlusher flusher(kernel_,
                         ptable::ShootdownTarget{cpus_, ptable::CpuNumber(0),
                                                 ptable::ShootdownScope::kOnePcid, pcid()});
  flusher.Flush(request);
}

// --- Frames --------------------------------------------------------------------------------------

Result<FrameNumber> Process::NewFrame(AreaPages pages) {
  const Order order = OrderOf(LevelOf(pages));
  const Result<FrameNumber> frame =
      kernel_.AllocateFrame(order, Request::Mapped(Mobility::kMovable));
  for (std::uint32_t i = 0; frame.ok() && i < order.frames().value; ++i) {
    kernel_.ClearFrame(*frame + FrameCount(i));
  }
  return frame;
}

void Process::DropUser(FrameNumber frame, unsigned level) {
  if (kernel_.users().Remove(frame) == 0) {
    kernel_.FreeFrame(frame, OrderOf(level));
  }
}

Status Process::MapNew(const Area& area, VirtAddr at) {
  const unsigned level = LevelOf(area.pages);
  const VirtRange page = Shape::EntryRange(level, at);
  const Result<FrameNumber> frame = NewFrame(area.pages);
  if (!frame.ok()) {
    return frame.error();
  }
  const TableBatch batch(kernel_.memory());
  const auto mapped = Mapper(*table_).Map(
      MapRequest{page, kernel_.ram().AddressOf(*frame), UserLeaf(area.is_writable), level},
      tables_);
  if (!mapped.ok()) {
    kernel_.FreeFrame(*frame, OrderOf(level));
    return Error::kNoFrames;
  }
  CurrentCpu().meter().Add(Primitive::kEntryPrepared);
  kernel_.users().Add(*frame, FrameUser{number_, page.begin});
  mapped_frames_ += OrderOf(level).frames().value;
  SyncUserRoot(page);
  return {};
}

Status Process::Populate(VirtRange range) {
  if (!Shape::Contains(range) || !Covers(kUserHalf, range)) {
    return Error::kInvalid;
  }
  ProcessLock lock(mutex_);
  Cursor cursor(*table_);
  for (VirtRange rest = range; rest.bytes > 0;) {
    const Area* const area = AreaAt(rest.begin);
    if (area == nullptr) {
      return Error::kInvalid;
    }
    cursor.Seek(rest.begin);
    if (!cursor.entry().IsLeaf()) {
      if (const Status mapped = MapNew(*area, rest.begin); !mapped) {
        return mapped;
      }
    }
    rest = Behind(Shape::EntryRange(LevelOf(area->pages), rest.begin), rest);
  }
  return {};
}

Status Process::RemoveRange(VirtRange range) {
  if (!Shape::Contains(range) || !Covers(kUserHalf, range)) {
    return Error::kInvalid;
  }
  ProcessLock lock(mutex_);
  if (const Status cut = CutAreas(range); !cut) {
    return cut;
  }
  return UnmapRange(range);
}

// Leaves first, a number of frames behind each flush; then the tables that are empty.
Status Process::UnmapRange(VirtRange range) {
  TableFlusher flusher(*this);
  TlbGather gather(FlushMode::kMerged, flusher, tables_);
  FrameGather frames(*this);
  Mapper mapper(*table_);
  std::optional<Cursor<KernelTable>> cursor(*table_);
  VirtRange pending{range.begin, 0};
  for (VirtRange rest = range; rest.bytes > 0;) {
    cursor->Seek(rest.begin);
    if (cursor->entry().IsLeaf()) {
      frames.Add(kernel_.ram().FrameOf(cursor->entry().frame()), cursor->level());
      mapped_frames_ -= OrderOf(cursor->level()).frames().value;
    }
    rest = Behind(cursor->range(), rest);
    pending.bytes = (rest.bytes > 0 ? rest.begin : range.end()) - pending.begin;
    if (frames.IsFull() || rest.bytes == 0) {
      const TableBatch batch(kernel_.memory());
      const auto unmapped = mapper.Unmap(pending, UnmapMode::kWholeLeaf, tables_, gather);
      PW_CHECK(unmapped.ok(), Violation::kInvariant, pending.begin.value());
      gather.Finish();
      frames.Release();
      cursor.emplace(*table_);  // The tables on its way may have gone.
      pending = VirtRange{rest.begin, 0};
    }
  }
  const TableBatch batch(kernel_.memory());
  const auto pruned = mapper.Unmap(range, UnmapMode::kWholeLeaf, tables_, gather);
  PW_CHECK(pruned.ok(), Violation::kInvariant, range.begin.value());
  gather.Finish();
  return {};
}

Status Process::MapShared(VirtAddr at, FrameNumber frame, bool is_writable) {
  if (!Shape::Contains(VirtRange{at, kFrameBytes}) ||
      !Covers(kUserHalf, VirtRange{at, kFrameBytes})) {
    return Error::kInvalid;
  }
  ProcessLock lock(mutex_);
  const TableBatch batch(kernel_.memory());
  const auto mapped =
      Mapper(*table_).Map(MapRequest{VirtRange{at, kFrameBytes}, kernel_.ram().AddressOf(frame),
                                     UserLeaf(is_writable), 0},
                          tables_);
  if (!mapped.ok()) {
    return mapped.error() == Error::kInUse ? Error::kInUse : Error::kNoFrames;
  }
  // Where it is mapped is of no interest: whoever keeps it does not let it be moved.
  kernel_.users().Add(frame, FrameUser{ProcessNumber{}, at});
  ++mapped_frames_;
  SyncUserRoot(VirtRange{at, kFrameBytes});
  return {};
}

void Process::UnmapShared(VirtAddr at) {
  ProcessLock lock(mutex_);
  const Status unmapped = UnmapRange(VirtRange{at, kFrameBytes});
  PW_CHECK(unmapped.ok(), Violation::kInvariant, at.value());
}

void Process::SyncUserRoot(VirtRange range) {
  if (user_root_->Exists()) {
    const TableBatch batch(kernel_.memory());
    user_root_->CopyUserEntries(root_, range);
  }
}

std::optional<FrameNumber> Process::FrameAt(VirtAddr at) const {
  const ptable::Found found = table_->Find(at);
  if (!found.entry.IsLeaf()) {
    return std::nullopt;
  }
  const VirtRange leaf = Shape::EntryRange(found.level, at);
  return kernel_.ram().FrameOf(found.entry.frame() + (at - leaf.begin));
}

void Process::CheckInvariants() const {
  table_->CheckInvariants();
}

}  // namespace pageward::sim
