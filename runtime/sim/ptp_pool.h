// Where the simulated kernel's table pages come from and go to.
//
// Under the policy that this project is about they come out of pageblocks that carry the key of
// tables as a whole, through a cache with a reserve for splits. The two other policies are what it
// is compared with: pages without a key, and pages that get their key one by one, where protecting
// a page splits a mapping, which needs a page that has to be protected.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/ptable/ptp_reserve.h"
#include "runtime/ptable/ptp_source.h"
#include "runtime/sim/direct_map.h"
#include "runtime/sim/table_accounts.h"

namespace pageward::sim {

/// How table pages get their key.
enum class PtpPolicy : std::uint8_t {
  kNone,     ///< They have none.
  kPerPage,  ///< Each by itself when it is taken.
  kReserve,  ///< By pageblock, with a reserve that splits draw on.
};

struct PtpPoolOptions {
  PtpPolicy policy = PtpPolicy::kReserve;
  ptable::PtpReserveShape shape{};
};

/// What makes a page of the direct map one of a table, and an ordinary one again.
inline constexpr ptable::PermissionChange kToTables = ptable::SetMemoryTo::Key(kTableKey);
inline constexpr ptable::PermissionChange kFromTables =
    ptable::SetMemoryTo::Key(arch::kDefaultPkey);

/// The owner of the pageblocks that table pages come from.
inline constexpr frame::OwnerId kTableOwner{1};

/// Hands out table pages: zero, and protected from before their first use until after their last.
///
/// Thread-safe. A page that is wanted for a split comes from what is set aside and never takes more
/// than the lock of the pool; any other may take a refill, which changes the direct map.
///
/// Invariants, checked by CheckInvariants():
///   L1  what the cache holds is charged to the pool, and the other way round
///   L2  every page of the cache carries the key of tables
class PtpPool final : public SplitPages, private ptable::PtpBlockSource {
 public:
  /// What a shrinker leaves in the cache.
  static constexpr std::size_t kUnshrinkable = 16;
  /// How deep protecting one page may go before a page is used without protection.
  static constexpr std::uint8_t kMaxDepth = 4;

  struct Memory {
    ptable::PtpReserve::Memory reserve;

    static Memory CarveFrom(Carver& carver, FrameCount frames);
  };

  PtpPool(const Memory& memory, KernelMemory& kernel_memory, DirectMap& direct_map,
          frame::PageAllocator& frames, TableAccounts& accounts, const PtpPoolOptions& options);
  PtpPool(const PtpPool&) = delete;
  PtpPool& operator=(const PtpPool&) = delete;

  const PtpPoolOptions& options() const { return options_; }
  frame::OwnerLists& owner() { return owner_; }

  /// Adds frames that carry the key already and are nobody's: what is left of the early region.
  void Adopt(FrameRange frames) PW_EXCLUDES(pool_);

  // --- Pages ----------------------------------------------------------------------------------

  /// Returns a zeroed page that is charged to `account`.
  /// Errors: kNoFrames; whatever protecting it failed with.
  Result<FrameNumber> Allocate(AccountId account) PW_EXCLUDES(pool_, refill_);
  /// Takes a page back: last in, first out.
  void Free(FrameNumber frame) PW_EXCLUDES(pool_);

  // --- SplitPages -----------------------------------------------------------------------------

  Status Prepare() override PW_EXCLUDES(pool_, refill_);
  bool IsReady() override PW_EXCLUDES(pool_);
  ptable::PtpSource& Source() override { return split_source_; }

  // --- Giving memory back ---------------------------------------------------------------------

  /// Gives frames back to the page allocator: whole pageblocks that are free, each by one change of
  /// the direct map, and single pages that are not part of any. Leaves kUnshrinkable pages. A
  /// pageblock that is partly in use stays whole: its frames carry a key and are nobody else's use.
  /// Returns how many frames were given back, which may be more than `wanted`, or none if only a
  /// part of a free pageblock may go.
  std::uint64_t Shrink(std::uint64_t wanted) PW_EXCLUDES(pool_, refill_);

  std::size_t cached() const PW_EXCLUDES(pool_);
  ptable::PtpReserveCounters counters() const PW_EXCLUDES(pool_);
  /// Refills and protections nested in each other: the deepest there was.
  std::uint8_t deepest() const { return __atomic_load_n(&deepest_, __ATOMIC_RELAXED); }

  /// Returns whether `frame` carries the key of tables, as tables have to.
  bool IsProtected(FrameNumber frame) const;

  /// Requires: no other thread is at work.
  void CheckInvariants() const PW_EXCLUDES(pool_);

 private:
  // What splits take from: the reserve, or pages that Prepare() made.
  class SplitSource final : public ptable::PtpSource {
   public:
    explicit SplitSource(PtpPool& pool) : pool_(pool) {}
    std::optional<PhysAddr> Allocate() override { return pool_.AllocateForSplit(); }
    void Free(PhysAddr table) override;

   private:
    PtpPool& pool_;
  };

  enum class Use : std::uint8_t { kOrdinary, kSplit };

  // What the per-page policy has made for the split that a processor is about to do.
  struct Prepared {
    std::array<FrameNumber, 2> frames;
    unsigned count = 0;
  };

  // ptable::PtpBlockSource. Called with both locks held; gives that of the pool up meanwhile.
  std::optional<FrameNumber> Allocate(Order order) override;
  Status Protect(FrameRange block) override;
  void Free(FrameRange block) override;

  bool UsesReserve() const { return options_.policy == PtpPolicy::kReserve && !map_.IsPteOnly(); }
  bool HasKey() const { return options_.policy != PtpPolicy::kNone; }
  ptable::TaskId Me() const;
  std::uint8_t& Depth();
  void EnterNesting();
  void LeaveNesting();
  void BeginRefill() PW_REQUIRES(pool_);
  void EndRefill() PW_REQUIRES(pool_);

  Result<FrameNumber> TakeCached() PW_EXCLUDES(pool_, refill_);
  Result<FrameNumber> TakeOne();
  Status ProtectOne(FrameNumber frame);
  void ProtectLate();
  std::optional<PhysAddr> AllocateForSplit();
  Status PrepareOneByOne();
  void HandOut(FrameNumber frame, AccountId account, Use use);
  void FreeOne(FrameNumber frame);

  // Whether a frame came by itself and not with its pageblock.
  bool IsLoose(FrameNumber frame) const;
  std::optional<BlockNumber> FindFreeBlock() const PW_REQUIRES(pool_);
  std::optional<FrameNumber> FindLoose() const PW_REQUIRES(pool_);
  bool ReleaseLoose(FrameNumber frame) PW_EXCLUDES(pool_);

  KernelMemory& memory_;
  DirectMap& map_;
  frame::PageAllocator& frames_;
  TableAccounts& accounts_;
  const PtpPoolOptions options_;
  frame::OwnerLists owner_{kTableOwner};
  SplitSource split_source_{*this};

  Mutex refill_{LockRank::kSimulatedRefill};
  mutable Mutex pool_{LockRank::kSimulatedPool};
  ptable::PtpReserve reserve_ PW_GUARDED_BY(pool_);

  // What is told of the refill that is under way.
  bool is_in_refill_ PW_GUARDED_BY(pool_) = false;
  std::uint64_t refill_order_ PW_GUARDED_BY(pool_) = 0;

  // By processor; each uses its own.
  std::array<std::uint8_t, ptable::CpuSet::kMaxCpus> depth_{};
  std::array<Prepared, ptable::CpuSet::kMaxCpus> prepared_{};
  std::uint8_t deepest_ = 0;
  // Pages in use without a key, to be protected as soon as nothing is nested any more.
  std::array<FrameNumber, 32> late_ PW_GUARDED_BY(pool_){};
  std::size_t late_count_ PW_GUARDED_BY(pool_) = 0;
};

/// Table pages for one account: what a page table is given as its source.
class AccountedTables final : public ptable::PtpSource {
 public:
  AccountedTables(PtpPool& pool, SimRam& ram, AccountId account)
      : pool_(pool), ram_(ram), account_(account) {}

  std::optional<PhysAddr> Allocate() override {
    const Result<FrameNumber> frame = pool_.Allocate(account_);
    return frame.ok() ? std::optional(ram_.AddressOf(*frame)) : std::nullopt;
  }
  void Free(PhysAddr table) override { pool_.Free(ram_.FrameOf(table)); }

  AccountId account() const { return account_; }

 private:
  PtpPool& pool_;
  SimRam& ram_;
  const AccountId account_;
};

}  // namespace pageward::sim
