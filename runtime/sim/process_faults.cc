// Faults of user code, copies on write, forks, and frames that move: how the tables of a process
// follow what it does.
#include "runtime/core/check.h"
#include "runtime/sim/process.h"

namespace pageward::sim {

using ptable::AccessKind;
using ptable::AccessMode;
using ptable::Behind;
using ptable::Cursor;
using ptable::FlushRequest;
using ptable::Found;
using ptable::Mapper;
using ptable::Permissions;

namespace {

// An access can meet a missing page and then a shared one.
constexpr int kMostFaults = 3;

// Runs user code for a scope: with the table that lacks the kernel, if there is one.
class InUserCode {
 public:
  InUserCode(Process& process, Cpu& cpu) : process_(process), cpu_(cpu) {
    if (process.user_root().Exists()) {
      cpu.LoadTable(process.user_root().root(), UserPcidOf(process.pcid()));
    }
  }
  ~InUserCode() {
    if (process_.user_root().Exists()) {
      cpu_.LoadTable(process_.root(), process_.pcid());
    }
  }
  InUserCode(const InUserCode&) = delete;
  InUserCode& operator=(const InUserCode&) = delete;

 private:
  Process& process_;
  Cpu& cpu_;
};

std::uint32_t FramesOf(unsigned level) {
  return static_cast<std::uint32_t>(Shape::Bytes(level) >> kFrameBytesLog2);
}

}  // namespace

// --- Faults --------------------------------------------------------------------------------------

WordAccess Process::UserRead(VirtAddr at) {
  Cpu& cpu = CurrentCpu();
  for (int faults = 0;; ++faults) {
    WordAccess access;
    {
      const InUserCode scope(*this, cpu);
      access = cpu.Read(at, AccessMode::kUser);
    }
    if (access.ok() || faults == kMostFaults || !HandleFault(at, AccessKind::kRead)) {
      return access;
    }
  }
}

WordAccess Process::UserWrite(VirtAddr at, std::uint64_t word) {
  Cpu& cpu = CurrentCpu();
  for (int faults = 0;; ++faults) {
    WordAccess access;
    {
      const InUserCode scope(*this, cpu);
      access = cpu.Write(at, word, AccessMode::kUser);
    }
    if (access.ok() || faults == kMostFaults || !HandleFault(at, AccessKind::kWrite)) {
      return access;
    }
  }
}

bool Process::HandleFault(VirtAddr at, AccessKind kind) {
  ProcessLock lock(mutex_);
  const Area* const area = Shape::Contains(at) ? AreaAt(at) : nullptr;
  if (area == nullptr || kind == AccessKind::kFetch ||
      (kind == AccessKind::kWrite && !area->is_writable)) {
    return false;
  }
  const Found found = table_->Find(at);
  if (!found.entry.IsLeaf()) {
    return MapNew(*area, at).ok();
  }
  const bool needs_copy = kind == AccessKind::kWrite && !found.entry.permissions().is_writable;
  // If not, the tables allow it by now, and the fault has dropped what was cached.
  return !needs_copy || CopyOnWrite(at, found);
}

void Process::AllowWriting(VirtAddr at, const Found& found) {
  const TableBatch batch(kernel_.memory());
  Cursor cursor(*table_);
  cursor.Seek(at);
  Permissions permissions = found.entry.permissions();
  permissions.is_writable = true;
  // Rights grow, so other processors may fault once more and need no flush.
  while (!cursor.TryReplace(
      table_->format().WithPermissions(cursor.level(), cursor.entry().word(), permissions))) {
  }
}

void Process::ReplaceLeaf(VirtAddr at, FrameNumber frame, bool is_writable) {
  Cursor cursor(*table_);
  cursor.Seek(at);
  const unsigned level = cursor.level();
  const FrameNumber old = kernel_.ram().FrameOf(cursor.entry().frame());
  ptable::LeafAttributes attributes = cursor.entry().attributes();
  attributes.permissions.is_writable = is_writable;
  const std::uint64_t leaf =
      table_->format().LeafEntry(level, kernel_.ram().AddressOf(frame), attributes);
  const TableBatch batch(kernel_.memory());
  while (!cursor.TryReplace(0)) {
  }
  Flush(FlushRequest{cursor.range(), Shape::Shift(level)});
  for (std::uint32_t i = 0; i < FramesOf(level); ++i) {
    kernel_.ram().Copy(old + FrameCount(i), frame + FrameCount(i));
  }
  const bool is_alone = cursor.TryReplace(leaf);
  PW_CHECK(is_alone, Violation::kInvariant, at.value());
}

bool Process::CopyOnWrite(VirtAddr at, const Found& found) {
  const FrameNumber old = kernel_.ram().FrameOf(found.entry.frame());
  if (kernel_.users().count(old) == 1) {
    AllowWriting(at, found);
    return true;
  }
  const Result<FrameNumber> copy =
      NewFrame(found.level == 0 ? AreaPages::kSmall : AreaPages::kLarge);
  if (!copy.ok()) {
    return false;
  }
  CurrentCpu().meter().Add(Primitive::kFrameCopied, FramesOf(found.level));
  CurrentCpu().meter().Add(Tally::kCopyOnWrite);
  ReplaceLeaf(at, *copy, true);
  kernel_.users().Add(*copy, FrameUser{number_, Shape::EntryRange(found.level, at).begin});
  DropUser(old, found.level);
  return true;
}

// --- Fork ----------------------------------------------------------------------------------------

// A chunk is what one table of the lowest level stands for: its entries are copied as one batch.
Status Process::CopyChunk(Process& child, VirtRange chunk, unsigned level) {
  const auto prepared = Mapper(*child.table_).Prepare(chunk, level, child.tables_);
  if (!prepared.ok()) {
    return Error::kNoFrames;
  }
  const TableBatch batch(kernel_.memory());
  Meter& meter = CurrentCpu().meter();
  Cursor from(*table_);
  Cursor to(*child.table_);
  for (VirtRange rest = chunk; rest.bytes > 0; rest = Behind(from.range(), rest)) {
    from.Seek(rest.begin);
    if (!from.entry().IsLeaf()) {
      continue;
    }
    Permissions permissions = from.entry().permissions();
    while (permissions.is_writable) {
      permissions.is_writable = false;
      permissions.is_writable = !from.TryReplace(
          table_->format().WithPermissions(from.level(), from.entry().word(), permissions));
    }
    to.SeekAbove(rest.begin, from.level());
    const bool is_alone = to.entry().IsAbsent() && to.TryReplace(from.entry().word());
    PW_CHECK(is_alone, Violation::kInvariant, rest.begin.value());
    meter.Add(Primitive::kEntryPrepared);
    kernel_.users().Add(kernel_.ram().FrameOf(from.entry().frame()),
                        FrameUser{child.number_, rest.begin});
    child.mapped_frames_ += FramesOf(from.level());
  }
  return {};
}

// Nobody knows the child yet, so its lock is not taken.
Status Process::Fork(Process& child) PW_NO_THREAD_SAFETY_ANALYSIS {
  if (const Status created = child.Create(); !created) {
    return created;
  }
  Status status;
  {
    ProcessLock lock(mutex_);
    child.areas_ = areas_;
    child.area_count_ = area_count_;
    for (std::size_t i = 0; status.ok() && i < area_count_; ++i) {
      const Area& area = areas_[i];
      const unsigned level = area.pages == AreaPages::kLarge ? 1 : 0;
      for (VirtRange rest = area.range; status.ok() && rest.bytes > 0;) {
        const VirtRange table_range = Shape::EntryRange(level + 1, rest.begin);
        const std::uint64_t left = table_range.end() - rest.begin;
        const VirtRange chunk{rest.begin, left < rest.bytes ? left : rest.bytes};
        // What has no table has nothing to copy.
        const Found found = table_->Find(rest.begin);
        const bool has_table = found.level <= level;
        if (has_table) {
          status = CopyChunk(child, chunk, level);
          rest = Behind(chunk, rest);
        } else {
          rest = Behind(Shape::EntryRange(found.level, rest.begin), rest);
        }
      }
      if (area.is_writable) {
        // One flush for all of an area: its entries are read-only by now.
        Flush(FlushRequest{area.range, Shape::Shift(level)});
      }
    }
    child.SyncUserRoot(kUserHalf);
  }
  if (!status.ok()) {
    child.Exit();
  }
  return status;
}

// --- Compaction ----------------------------------------------------------------------------------

bool Process::MoveFrame(FrameNumber from, FrameNumber to, VirtAddr at) {
  ProcessLock lock(mutex_);
  const Found found = table_->Find(at);
  const bool is_there = found.entry.IsLeaf() && found.level == 0 &&
                        kernel_.ram().FrameOf(found.entry.frame()) == from;
  if (!is_there || kernel_.users().count(from) != 1) {
    return false;
  }
  ReplaceLeaf(at, to, found.entry.permissions().is_writable);
  kernel_.users().Add(to, FrameUser{number_, at});
  kernel_.users().Remove(from);
  return true;
}

}  // namespace pageward::sim
