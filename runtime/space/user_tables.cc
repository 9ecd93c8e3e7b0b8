#include "runtime/space/user_tables.h"

#include <array>
#include <cstring>
#include <span>

#include "runtime/core/bits.h"

namespace pageward::space {
namespace {

// The tables beside the zone, by index.
enum Table : unsigned {
  kGuardedFlags,
  kProtectedFlags,
  kBlockRecords,
  kLeaves,
  kLinks,
  kCounts,
  kTableCount,
};

constexpr std::array<std::uint32_t, kTableCount> kTableBytes = {
    PrivateZone::kFlagBytes, PrivateZone::kFlagBytes, sizeof(frame::BlockRecord),
    LeafTable::kBytes,       TablePool::kLinkBytes,   TablePool::kCountBytes};

}  // namespace

Status UserTables::Reserve(std::uint64_t most_bytes, std::optional<arch::Pkey> metadata_key) {
  const Result<ZoneReservation> reserved =
      ZoneReservation::Make(os_, most_bytes, kLeastBytes, kTableBytes);
  if (!reserved.ok()) {
    return reserved.error();
  }
  reservation_ = *reserved;
  os_.Name(reservation_.frames(), "pageward tables");
  return metadata_key ? reservation_.CloseTables(os_, 0, kTableCount, *metadata_key) : Status();
}

void UserTables::MakeParts() {
  const auto table = [this](unsigned index) { return reservation_.table(index).begin; };
  const std::uint32_t blocks = reservation_.block_count();
  PrivateZone::Options options;
  options.uses_huge_pages = false;
  zone_.Emplace(os_, keys_, reservation_, kGuardedFlags, kProtectedFlags, options);
  blocks_.Emplace(*zone_);
  leaves_.Emplace(os_, reservation_.table(kLeaves));
  frames_.Emplace(std::span(table(kBlockRecords).AsPointer<frame::BlockRecord>(), blocks),
                  frame::PageAllocator::Seams{*leaves_, *blocks_});
  const TablePool::Memory memory{
      std::span(table(kLinks).AsPointer<std::uint64_t>(), blocks * std::size_t{kPageblockFrames}),
      std::span(table(kCounts).AsPointer<std::uint16_t>(), blocks)};
  pool_.Emplace(memory, *zone_, *blocks_, kOwner, LockRank::kTableRefill);
  pool_->Connect(*frames_);
}

Status UserTables::ClaimKey() {
  const Result<arch::Pkey> key = keys_.KeyFor(keys::KeyBroker::Purpose::kTables);
  if (!key.ok()) {
    return Status();
  }
  if (const Status used = pool_->UseKey(*key); !used.ok()) {
    return used;
  }
  keys::AdmitToTables(*key);
  key_ = *key;
  return Status();
}

Status UserTables::Init(std::uint64_t most_bytes, std::optional<arch::Pkey> metadata_key) {
  PW_ASSERT(!pool_.IsMade() && IsPowerOfTwo(most_bytes) && most_bytes >= kLeastBytes);
  const keys::Gate gate;
  if (const Status reserved = Reserve(most_bytes, metadata_key); !reserved.ok()) {
    return reserved;
  }
  MakeParts();
  return ClaimKey();
}

Result<VirtAddr> UserTables::Allocate() {
  Result<FrameNumber> frame = Error::kNoFrames;
  {
    const keys::Gate gate;
    MutexLock lock(mutex_);
    frame = pool_->Take();
    used_pages_ += frame.ok() ? 1u : 0u;
  }
  if (!frame.ok()) {
    return frame.error();
  }
  // Whoever had it before may have left anything in it. The gate is closed by now.
  const VirtAddr page = zone_->AddressOf(*frame);
  const keys::TableScope scope(key_);
  std::memset(page.AsPointer(), 0, kFrameBytes);
  return page;
}

void UserTables::Free(VirtAddr page) {
  const VirtRange zone = reservation_.frames();
  PW_CHECK(zone.Contains(page) && IsAligned<std::uint64_t>(page.value(), kFrameBytes),
           Violation::kForeignPointer, page.value());
  const auto frame = static_cast<std::uint32_t>((page - zone.begin) >> kFrameBytesLog2);
  const keys::Gate gate;
  MutexLock lock(mutex_);
  pool_->Put(FrameNumber(frame));
  --used_pages_;
}

std::uint64_t UserTables::Shrink(std::uint64_t bytes) {
  const keys::Gate gate;
  // Where the system keeps the pages they are overwritten.
  const keys::TableScope scope(key_);
  MutexLock lock(mutex_);
  const std::uint64_t frames = (bytes + kFrameBytes - 1) / kFrameBytes;
  return pool_->Shrink(frames) << kFrameBytesLog2;
}

UserTablesCounters UserTables::counters() {
  const keys::Gate gate;
  MutexLock lock(mutex_);
  return UserTablesCounters{
      .used_pages = used_pages_, .cached_pages = pool_->cached(), .bytes = pool_->bytes()};
}

void UserTables::CheckInvariants() {
  const keys::Gate gate;
  MutexLock lock(mutex_);
  frames_->CheckInvariants();
  pool_->CheckInvariants();
  PW_CHECK(FrameCount(static_cast<std::uint32_t>(used_pages_ + pool_->cached())).bytes() ==
               pool_->bytes(),
           Violation::kInvariant, used_pages_);
}

}  // namespace pageward::space
