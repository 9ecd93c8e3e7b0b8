// A simulated process: areas of memory that fault in, copy on write, fork, and the part of the
// kernel's addresses that differs from process to process (mm_local.h).
//
// Each frame counts its users. A process is one, whoever keeps a frame in a cache is another, and
// the last one to go frees it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/ptable/cursor.h"
#include "runtime/ptable/mapper.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/mm_local.h"
#include "runtime/sim/user_root.h"

namespace pageward::sim {

/// Which leaves an area is made of.
enum class AreaPages : std::uint8_t {
  kSmall,
  kLarge,  ///< 2 MiB each; the area is aligned to that and comes and goes in whole ones.
};

/// Addresses of a process that something is behind, or will be when they are touched.
struct Area {
  VirtRange range{};
  bool is_writable = true;
  AreaPages pages = AreaPages::kSmall;

  friend bool operator==(const Area&, const Area&) = default;
};

/// Holds the lock of a process for a scope. Meanwhile nothing is compacted, for that would take the
/// lock of whoever uses a frame.
class PW_SCOPED_CAPABILITY ProcessLock {
 public:
  explicit ProcessLock(Mutex& mutex) PW_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~ProcessLock() PW_RELEASE() { mutex_.Unlock(); }
  ProcessLock(const ProcessLock&) = delete;
  ProcessLock& operator=(const ProcessLock&) = delete;

 private:
  Mutex& mutex_;
  const NoCompaction none_;
};

/// One process. Its address space is thread-safe; it is created and ends under one hand.
class Process {
 public:
  static constexpr std::size_t kMostAreas = 32;
  /// Numbers are PCIDs, from 1 on, and the upper half of those is for tables of user code.
  static constexpr std::uint16_t kMostProcesses = 2047;
  /// How many frames are freed behind one flush.
  static constexpr std::size_t kFramesPerFlush = 512;

  struct Memory {
    MmLocal::Memory mm_local;
    std::span<Task> tasks;  ///< One for each processor.

    static Memory CarveFrom(Carver& carver, std::uint32_t cpus);
  };

  Process(Kernel& kernel, ProcessNumber number, const Memory& memory);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  ProcessNumber number() const { return number_; }
  AccountId account() const { return tables_.account(); }
  bool IsAlive() const { return is_alive_; }
  arch::Pcid pcid() const { return arch::Pcid(number_.value); }
  Kernel& kernel() { return kernel_; }
  PhysAddr root() const { return root_; }
  /// The thread of the process that `cpu` runs.
  Task& task(std::uint32_t cpu) { return memory_.tasks[cpu]; }
  MmLocal& mm_local() { return *mm_local_; }
  /// The table that user code runs with if the kernel's is kept from it (KPTI).
  UserRoot& user_root() { return *user_root_; }

  // --- Coming and going -----------------------------------------------------------------------

  /// Makes an empty address space. Errors: kNoFrames; then there is none.
  Status Create();
  /// Unmaps everything and gives every table page back. Views that are live are reported.
  ///
  /// Requires: no processor runs it.
  void Exit();

  /// Makes `child`, which is not alive, a copy: frames are shared until one of the two writes.
  /// Errors: kNoFrames; then the child is not alive.
  Status Fork(Process& child);

  /// Lets the current processor run the process.
  void Run();

  // --- Memory ---------------------------------------------------------------------------------

  /// Adds an area; nothing is behind it yet. Errors: kInUse if it overlaps another, kLimit if there
  /// are too many, kInvalid for nonsense.
  Status AddArea(const Area& area);
  /// Puts zeroed frames behind all of `range`, which lies in areas, without a fault for each page.
  /// Errors: kNoFrames, and a part may be there then; kInvalid.
  Status Populate(VirtRange range);
  /// Removes `range` from areas and unmaps it. Frames go after the flush. Areas of large leaves
  /// lose whole ones. Errors: kInvalid, kLimit (an area in two pieces needs another place).
  Status RemoveRange(VirtRange range);

  /// Maps a frame that somebody else keeps, as one user more. Errors: kInUse, kNoFrames, kInvalid.
  Status MapShared(VirtAddr at, FrameNumber frame, bool is_writable);
  /// Unmaps what MapShared() mapped.
  void UnmapShared(VirtAddr at);

  /// Handles a fault of user code at `at`; returns whether the access may be tried again.
  bool HandleFault(VirtAddr at, ptable::AccessKind kind);

  /// User code reads or writes a word; faults that can be handled are.
  WordAccess UserRead(VirtAddr at);
  WordAccess UserWrite(VirtAddr at, std::uint64_t word);

  /// Moves what `user` says from one frame to another; see FrameMover.
  bool MoveFrame(FrameNumber from, FrameNumber to, VirtAddr at);

  // --- Questions ------------------------------------------------------------------------------

  std::uint64_t mapped_frames() const { return mapped_frames_; }
  std::optional<FrameNumber> FrameAt(VirtAddr at) const;
  KernelTable& table() { return *table_; }
  void CheckInvariants() const;

 private:
  // Collects frames until a flush lets them go.
  class FrameGather;
  class TableFlusher;

  static constexpr VirtRange kUserHalf{VirtAddr(0), std::uint64_t{1} << 47};

  const Area* AreaAt(VirtAddr at) const PW_REQUIRES(mutex_);
  Status CutAreas(VirtRange range) PW_REQUIRES(mutex_);
  Status MapNew(const Area& area, VirtAddr at) PW_REQUIRES(mutex_);
  bool CopyOnWrite(VirtAddr at, const ptable::Found& found) PW_REQUIRES(mutex_);
  // Puts `frame` in the place of what the leaf at `at` maps, with a flush in between, so that two
  // translations never meet. Copies what was there while nobody reaches either.
  void ReplaceLeaf(VirtAddr at, FrameNumber frame, bool is_writable) PW_REQUIRES(mutex_);
  void AllowWriting(VirtAddr at, const ptable::Found& found) PW_REQUIRES(mutex_);
  Status UnmapRange(VirtRange range) PW_REQUIRES(mutex_);
  Status CopyChunk(Process& child, VirtRange chunk, unsigned level) PW_REQUIRES(mutex_);
  // Flushes on every processor that has run the process, under each of its PCIDs.
  void Flush(const ptable::FlushRequest& request) PW_REQUIRES(mutex_);
  void DropUser(FrameNumber frame, unsigned level);
  Result<FrameNumber> NewFrame(AreaPages pages);
  void SyncUserRoot(VirtRange range) PW_REQUIRES(mutex_);

  Kernel& kernel_;
  const ProcessNumber number_;
  const Memory memory_;
  AccountedTables tables_;
  PhysAddr root_;
  bool is_alive_ = false;

  mutable Mutex mutex_{LockRank::kSimulatedProcess};
  std::optional<KernelTable> table_;
  std::optional<MmLocal> mm_local_;
  std::optional<UserRoot> user_root_;
  ptable::CpuSet cpus_;
  std::array<Area, kMostAreas> areas_ PW_GUARDED_BY(mutex_){};
  std::size_t area_count_ PW_GUARDED_BY(mutex_) = 0;
  std::uint64_t mapped_frames_ = 0;
};

}  // namespace pageward::sim
