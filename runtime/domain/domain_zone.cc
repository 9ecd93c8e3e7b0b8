#include "runtime/domain/domain_zone.h"

#include <bit>

#include "runtime/core/bits.h"
#include "runtime/keys/access_scope.h"

namespace pageward::domain {
namespace {

constexpr Rights kOpen{os::Protection::kReadWrite, arch::kDefaultPkey};

}  // namespace

// --- Growing -------------------------------------------------------------------------------------

Status DomainZone::Apply(VirtRange range, Rights rights) {
  ++rights_changes_;
  // Where there are no keys nothing may be said about one.
  return closed_.key == arch::kDefaultPkey && rights.key == arch::kDefaultPkey
             ? os_.Protect(range, rights.protection)
             : os_.ProtectWithKey(range, rights.protection, rights.key);
}

// Touches `range`, which is closed, in one place and lets the page go again. What the kernel keeps
// of it makes one family of everything that is cut from the range later.
Status DomainZone::TouchClosed(VirtRange range) {
  const bool is_by_key = closed_.key != arch::kDefaultPkey;
  if (!is_by_key) {
    if (const Status status = Apply(range, kOpen); !status.ok()) {
      return status;
    }
  }
  {
    const keys::AccessScope scope(is_by_key ? std::optional(closed_.key) : std::nullopt,
                                  arch::KeyAccess::kReadWrite);
    *range.begin.AsPointer<volatile char>() = 0;
  }
  const Status discarded = os_.Discard(VirtRange{range.begin, kFrameBytes});
  return discarded.ok() && !is_by_key ? Apply(range, closed_) : discarded;
}

// Makes a reservation as all memory is that is nobody's.
Status DomainZone::Prepare(VirtRange range) {
  Status done = os_.ExcludeFromFork(range);
  if (done.ok()) {
    done = os_.ExcludeFromDump(range);
  }
  if (done.ok()) {
    // Advice. Domains are small as a rule, and should not take 2 MiB with their first byte.
    static_cast<void>(os_.Advise(range, os::HugePages::kNever));
    done = Apply(range, closed_);
  }
  if (done.ok()) {
    done = TouchClosed(range);
  }
  if (!done.ok()) {
    // Best effort: nothing has been put there.
    static_cast<void>(os_.Protect(range, os::Protection::kNone));
  }
  return done;
}

Result<BlockRange> DomainZone::Grow(std::uint32_t blocks) {
  PW_ASSERT(blocks > 0);
  const std::uint32_t total = reservation_.block_count();
  if (blocks > total - in_use_) {
    return Error::kNoAddressSpace;
  }
  // Naturally aligned up to 1 GiB, so that runs of any alignment are found in it. At the end of the
  // zone what is left has to do.
  const std::uint32_t top = kMaxOrder.frames().value / kPageblockFrames;
  std::uint32_t size = blocks < kLeastGrowthBlocks ? kLeastGrowthBlocks : std::bit_ceil(blocks);
  const std::uint32_t alignment = size < top ? size : top;
  size = size <= top ? size : AlignUp(blocks, top);
  const std::uint64_t end = std::uint64_t{AlignUp(in_use_, alignment)} + size;
  const BlockRange grown{BlockNumber(in_use_),
                         (end < total ? static_cast<std::uint32_t>(end) : total) - in_use_};
  if (const Status status = reservation_.CommitTables(os_, grown); !status.ok()) {
    return status.error();
  }
  if (const Status status = Prepare(AddressesOf(grown)); !status.ok()) {
    return status.error();
  }
  in_use_ = grown.end().value;
  return grown;
}

// --- Rights --------------------------------------------------------------------------------------

Status DomainZone::SetRights(Domain& domain, Rights rights) {
  Status done;
  ForEachRun(domain, [&](BlockRange run) {
    if (done.ok()) {
      done = Apply(AddressesOf(run), rights);
    }
  });
  if (done.ok()) {
    domain.memory.rights = rights;
  }
  return done;
}

// --- What a domain wants of the system -----------------------------------------------------------

Status DomainZone::MakeAsWanted(VirtRange range, const Options& options) {
  if (options.fork == ForkPolicy::kKept) {
    if (const Status status = os_.IncludeInFork(range); !status.ok()) {
      return status;
    }
  }
  if (options.is_dumped) {
    if (const Status status = os_.IncludeInDump(range); !status.ok()) {
      return status;
    }
  }
  if (options.prefers_huge_pages) {
    static_cast<void>(os_.Advise(range, os::HugePages::kPreferred));
  }
  return Status();
}

Status DomainZone::MakeOrdinary(VirtRange range, const Options& options) {
  if (options.fork == ForkPolicy::kKept) {
    if (const Status status = os_.ExcludeFromFork(range); !status.ok()) {
      return status;
    }
  }
  if (options.is_dumped) {
    if (const Status status = os_.ExcludeFromDump(range); !status.ok()) {
      return status;
    }
  }
  if (options.prefers_huge_pages) {
    static_cast<void>(os_.Advise(range, os::HugePages::kNever));
  }
  return Status();
}

Status DomainZone::Lock(BlockRange blocks, Domain& domain) {
  if (domain.options.lock == LockPolicy::kNever) {
    return Status();
  }
  const Status locked = os_.LockWhenTouched(AddressesOf(blocks));
  if (!locked.ok()) {
    domain.memory.lock_failures += blocks.count;
    return domain.options.lock == LockPolicy::kRequired ? locked : Status();
  }
  for (std::uint32_t i = blocks.begin.value; i < blocks.end().value; ++i) {
    links_[i].is_locked = true;
  }
  domain.memory.locked_blocks += blocks.count;
  return Status();
}

void DomainZone::Unlock(BlockRange blocks) {
  for (std::uint32_t i = blocks.begin.value; i < blocks.end().value; ++i) {
    if (links_[i].is_locked) {
      os_.Unlock(AddressesOf(BlockRange{BlockNumber(i), 1}));
      links_[i].is_locked = false;
      if (links_[i].owner != 0) {
        --domains_[links_[i].owner - 1].memory.locked_blocks;
      }
    }
  }
}

// --- Conversion ----------------------------------------------------------------------------------

void DomainZone::Link(BlockRange blocks, Domain& domain) {
  std::uint32_t* place = nullptr;
  std::uint32_t next = domain.memory.first == Memory::kNone ? 0 : domain.memory.first + 1;
  while (next != 0 && next - 1 < blocks.begin.value) {
    place = &links_[next - 1].next;
    next = *place;
  }
  for (std::uint32_t i = blocks.begin.value; i < blocks.end().value; ++i) {
    links_[i].owner = domain.lists.id().value;
    links_[i].next = i + 1 < blocks.end().value ? i + 2 : next;
  }
  if (place != nullptr) {
    *place = blocks.begin.value + 1;
  } else {
    domain.memory.first = blocks.begin.value;
  }
  domain.memory.block_count += blocks.count;
}

void DomainZone::Unlink(BlockRange blocks, Domain& domain) {
  std::uint32_t* place = nullptr;
  std::uint32_t next = domain.memory.first + 1;
  while (next - 1 != blocks.begin.value) {
    place = &links_[next - 1].next;
    next = *place;
    PW_CHECK(next != 0, Violation::kInvariant, blocks.begin.value);
  }
  const std::uint32_t after = links_[blocks.end().value - 1].next;
  if (place != nullptr) {
    *place = after;
  } else {
    domain.memory.first = after == 0 ? Memory::kNone : after - 1;
  }
  for (std::uint32_t i = blocks.begin.value; i < blocks.end().value; ++i) {
    links_[i].owner = 0;
    links_[i].next = 0;
  }
  domain.memory.block_count -= blocks.count;
}

Status DomainZone::Join(BlockRange blocks, Domain& domain) {
  const VirtRange range = AddressesOf(blocks);
  // First, so that RestoreVisibility() finds whose wishes have to be undone.
  Link(blocks, domain);
  if (const Status status = MakeAsWanted(range, domain.options); !status.ok()) {
    return status;
  }
  if (const Status status = Lock(blocks, domain); !status.ok()) {
    return status;
  }
  return domain.memory.rights != closed_ ? Apply(range, domain.memory.rights) : Status();
}

Status DomainZone::Leave(BlockRange blocks) {
  const std::uint16_t owner = links_[blocks.begin.value].owner;
  if (owner == 0) {
    return Status();
  }
  Domain& domain = domains_[owner - 1];
  const VirtRange range = AddressesOf(blocks);
  Unlock(blocks);
  Status done = Status();
  if (domain.memory.rights != closed_) {
    done = Apply(range, closed_);
  }
  if (done.ok()) {
    done = MakeOrdinary(range, domain.options);
  }
  if (done.ok()) {
    Unlink(blocks, domain);
  }
  return done;
}

Status DomainZone::Scrub(BlockRange blocks) {
  // Objects were wiped when they were freed, or their pages go here and now.
  Unlock(blocks);
  return os_.Discard(AddressesOf(blocks));
}

Status DomainZone::SetVisibility(BlockRange blocks, frame::Freetype to) {
  return to.IsKeyed() ? Join(blocks, domains_[to.owner.value - 1]) : Leave(blocks);
}

void DomainZone::RestoreVisibility(BlockRange blocks, frame::Freetype old) {
  if (old.IsKeyed()) {
    // Leave() unlinks last, so they are the owner's still; closed is less than it may have.
    const Domain& domain = domains_[old.owner.value - 1];
    static_cast<void>(Apply(AddressesOf(blocks), domain.memory.rights));
    static_cast<void>(MakeAsWanted(AddressesOf(blocks), domain.options));
    return;
  }
  // Undoing what was just done needs no mapping that is not there.
  const Status left = Leave(blocks);
  PW_CHECK(left.ok(), Violation::kProtection, AddressesOf(blocks).begin.value());
}

// --- fork(2) -------------------------------------------------------------------------------------

Status DomainZone::ReserveAfterFork() {
  std::uint32_t begin = 0;
  Status done;
  for (std::uint32_t i = 0; i <= in_use_; ++i) {
    const bool is_there =
        i == in_use_ ||
        (links_[i].owner != 0 && domains_[links_[i].owner - 1].options.fork == ForkPolicy::kKept);
    if (i < in_use_) {
      links_[i].is_locked = false;  // No lock is inherited.
    }
    if (!is_there) {
      continue;
    }
    if (begin < i && done.ok()) {
      const VirtRange hole = AddressesOf(BlockRange{BlockNumber(begin), i - begin});
      done = os_.ReserveHole(hole);
      if (done.ok()) {
        done = Prepare(hole);
      }
    }
    begin = i + 1;
  }
  return done;
}

// --- Checks --------------------------------------------------------------------------------------

void DomainZone::CheckInvariants(const Domain& domain) const {
  std::uint32_t count = 0;
  std::uint32_t last = 0;
  ForEachRun(domain, [&](BlockRange run) {
    PW_CHECK(count == 0 || run.begin.value > last, Violation::kInvariant, 1);
    for (std::uint32_t i = run.begin.value; i < run.end().value; ++i) {
      PW_CHECK(links_[i].owner == domain.lists.id().value, Violation::kInvariant, 1);
    }
    count += run.count;
    last = run.end().value - 1;
  });
  PW_CHECK(count == domain.memory.block_count, Violation::kInvariant, 1);
  for (std::uint32_t i = 0; i < in_use_; ++i) {
    PW_CHECK(links_[i].owner != 0 || (links_[i].next == 0 && !links_[i].is_locked),
             Violation::kInvariant, 2);
  }
}

}  // namespace pageward::domain
