// The simulated kernel: one RAM, its processors, the direct map, the page allocator over it, and
// table pages for all of them. Processes (process.h) and caches (page_cache.h) stand on this.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/core/result.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/frame/thread_lists.h"
#include "runtime/sim/carver.h"
#include "runtime/sim/compactor.h"
#include "runtime/sim/direct_map.h"
#include "runtime/sim/early_tables.h"
#include "runtime/sim/frame_users.h"
#include "runtime/sim/hidden_frames.h"
#include "runtime/sim/kernel_memory.h"
#include "runtime/sim/machine.h"
#include "runtime/sim/ptp_pool.h"
#include "runtime/sim/sim_converter.h"
#include "runtime/sim/sim_ram.h"
#include "runtime/sim/table_accounts.h"
#include "runtime/space/stale_frames.h"

namespace pageward::sim {

/// Is told of frames that go back while a stale view of somebody's shows them. Owned by this file.
class FreeGuard {
 public:
  /// `frames` are about to be free. Whoever gets them next could be read through the view.
  virtual void BeforeFree(FrameRange frames) = 0;

 protected:
  ~FreeGuard() = default;
};

/// Whether user code runs with a table of its own, which lacks the kernel (KPTI).
enum class UserTables : std::uint8_t { kShared, kIsolated };

/// Everything that a run can choose. The defaults are what this project stands for.
struct KernelConfig {
  std::uint64_t ram_bytes = std::uint64_t{1} << 30;  ///< A multiple of a pageblock.
  PhysAddr ram_base = SimRam::kDefaultBase;
  MachineOptions machine{};
  DirectMap::Options direct_map{};
  PtpPoolOptions tables{};
  LevelBatching batching = LevelBatching::kOn;
  ConversionPolicy conversion = ConversionPolicy::kGrouped;
  /// kIsolated takes a direct map that is not global.
  UserTables user_tables = UserTables::kShared;

  TableProtection protection() const {
    return tables.policy == PtpPolicy::kNone ? TableProtection::kNone : TableProtection::kKeyed;
  }
};

/// Leaves for the frame table: a place for each pageblock.
class FixedLeaves final : public frame::LeafSource {
 public:
  explicit FixedLeaves(std::span<frame::FrameLeaf> leaves) : leaves_(leaves) {}

  frame::FrameLeaf* Allocate(BlockNumber block) override { return &leaves_[block.value]; }
  void Free(BlockNumber, frame::FrameLeaf*) override {}

 private:
  std::span<frame::FrameLeaf> leaves_;
};

/// A kernel that has started.
///
/// Thread-safe as its parts are. Whoever calls simulates a processor (OnCpu) and uses its lists.
class Kernel {
 public:
  /// Returns how much memory a kernel of `config` is kept in. Little of it is touched: what is
  /// known of frames in use, and the bytes of those that are written.
  static std::uint64_t BytesFor(const KernelConfig& config);

  /// Starts a kernel in `memory`, on processor 0. It is never destroyed: when the memory goes, it
  /// is gone.
  ///
  /// Requires: `memory` is zero, begins at a multiple of 4 KiB and has BytesFor(config) bytes.
  /// Errors: kInvalid if the configuration makes no sense; kNoMemory if RAM is too small for its
  /// own tables; kUnsupported if table pages are to carry a key and the processors do not mind.
  static Result<Kernel*> Start(VirtRange memory, const KernelConfig& config);

  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  const KernelConfig& config() const { return config_; }
  SimRam& ram() { return ram_; }
  Machine& machine() { return machine_; }
  KernelMemory& memory() { return memory_; }
  EarlyTables& early_tables() { return early_; }
  DirectMap& direct_map() { return map_; }
  TableAccounts& accounts() { return accounts_; }
  OwnerKeys& keys() { return keys_; }
  frame::PageAllocator& frames() { return frames_; }
  PtpPool& tables() { return pool_; }
  HiddenFrames& hidden() { return hidden_; }
  FrameUsers& users() { return users_; }
  Compactor& compactor() { return compactor_; }
  space::StaleFrames& stale() { return stale_; }
  void UseFreeGuard(FreeGuard* guard) { free_guard_ = guard; }
  /// What processors run when they run nobody.
  Task& idle_task(std::uint32_t cpu) { return idle_tasks_[cpu]; }

  // --- Frames, for whoever is the kernel's client ---------------------------------------------

  /// Allocates from the lists of the current processor. What it holds is undefined.
  Result<FrameNumber> AllocateFrame(Order order, const frame::Request& request);
  void FreeFrame(FrameNumber frame, Order order);
  /// Allocates a frame out of the direct map, by the conversion policy of the run.
  Result<FrameNumber> AllocateHidden() { return AllocateHidden(Order(0)); }
  void FreeHidden(FrameNumber frame) { FreeHidden(frame, Order(0)); }
  /// The same for 2^order of them; returns the first.
  Result<FrameNumber> AllocateHidden(Order order);
  void FreeHidden(FrameNumber frame, Order order);
  /// Makes two hidden blocks of one. Errors: as HiddenFrames::Split().
  Status SplitHidden(FrameNumber frame, Order order) { return hidden_.Split(frame, order); }
  /// Clears a frame that is in the direct map.
  void ClearFrame(FrameNumber frame);
  /// The lists of the current processor.
  frame::ThreadLists& lists();
  /// Gives back what processors have set aside. Requires: none of them is at work.
  void DrainLists();

  Counts counts() const { return machine_.counts(); }

  /// Returns whether a table page refuses a write at the default level, which is tried.
  bool DoesProtectionAct();

  /// Calls `visit(frame)` for each table page that the kernel's table leads to, its root included.
  template <typename Visit>
  void ForEachTable(Visit visit) {
    VisitTables(Shape::kTopLevel, map_.table().root(), kFirstKernelEntry, 512, visit);
  }
  /// The same below entries [begin, end) of `table`, with `table` itself.
  template <typename Visit>
  void VisitTables(unsigned level, PhysAddr table, unsigned begin, unsigned end, Visit& visit) {
    visit(ram_.FrameOf(table));
    for (unsigned i = begin; level > 0 && i < end; ++i) {
      const ptable::Entry entry =
          map_.table().format().Decode(level, ram_.Load(ptable::SlotOf(table, i)));
      if (entry.IsTable()) {
        VisitTables(level - 1, entry.table(), 0, Shape::Entries(level - 1), visit);
      }
    }
  }

  /// Walks everything. Requires: no other thread is at work.
  void CheckInvariants();

 private:
  struct Memory;

  Kernel(const Memory& memory, const KernelConfig& config, PhysAddr root);

  void CheckStale(FrameRange frames) {
    if (free_guard_ != nullptr && stale_.ContainsAny(frames)) {
      free_guard_->BeforeFree(frames);
    }
  }

  Status Boot();
  Status MakeTopEntries();
  Status ProtectEarlyTables();

  const KernelConfig config_;
  SimRam& ram_;
  Machine machine_;
  KernelMemory memory_;
  EarlyTables& early_;
  DirectMap map_;
  TableAccounts accounts_;
  OwnerKeys keys_;
  SimConverter converter_;
  FixedLeaves leaves_;
  FrameUsers users_;
  Compactor compactor_;
  frame::PageAllocator frames_;
  PtpPool pool_;
  HiddenFrames hidden_;
  space::StaleFrames stale_;
  FreeGuard* free_guard_ = nullptr;
  std::span<frame::ThreadLists> lists_;
  std::span<Task> idle_tasks_;
};

}  // namespace pageward::sim
