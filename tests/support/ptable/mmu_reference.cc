#include "tests/support/ptable/mmu_reference.h"

#include <algorithm>
#include <stdexcept>

namespace pageward::testing_support {
namespace {

using ptable::TlbFlush;

// Bits of registers, as the manual numbers them (2.5, 2.2.1).
constexpr bool Bit(std::uint64_t value, int bit) {
  return (value >> bit & 1) != 0;
}
constexpr int kCr0Wp = 16;
constexpr int kCr3Keep = 63;
constexpr int kCr4Pge = 7;
constexpr int kCr4Pcide = 17;
constexpr int kCr4Smep = 20;
constexpr int kCr4Smap = 21;
constexpr int kCr4Pke = 22;
constexpr int kCr4Pks = 24;
constexpr int kEferNxe = 11;

// Bits of entries (tables 4-14 to 4-20).
constexpr std::uint64_t kAddress = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t kAccessed = 0x20;
constexpr std::uint64_t kDirty = 0x40;
constexpr int kUserBit = 2;
constexpr int kGlobalBit = 8;

SdmAccess KindOf(Instruction instruction) {
  switch (instruction) {
    case Instruction::kStore8:
    case Instruction::kStore1:
    case Instruction::kAdd:
      return SdmAccess::kWrite;
    case Instruction::kFetch:
      return SdmAccess::kFetch;
    default:
      return SdmAccess::kRead;
  }
}

SdmMode ModeOf(const mmu_op::Access& access) {
  if (IsImplicit(access.instruction)) {
    return SdmMode::kSupervisorImplicit;
  }
  return access.is_user ? SdmMode::kUser : SdmMode::kSupervisorExplicit;
}

PhysAddr WordAt(PhysAddr at) {
  return PhysAddr(at.value() & ~std::uint64_t{7});
}

}  // namespace

bool Way::BeginsWith(const Way& prefix) const {
  return prefix.count <= count &&
         std::equal(prefix.entries.begin(), prefix.entries.begin() + prefix.count, entries.begin());
}

MmuReference::MmuReference(const MmuProgram& program, Tracking tracking)
    : levels_(program.levels),
      phys_bits_(program.phys_bits),
      tracking_(tracking),
      episodes_(program.episodes),
      ram_(program.ram) {}

const MmuReference::Page& MmuReference::PageOf(VirtAddr at) const {
  for (const Page& page : pages_) {
    if (at - page.begin < kFrameBytes) {
      return page;
    }
  }
  throw std::logic_error("an access to a page that is not of the episode");
}

MmuReference::Page& MmuReference::PageOf(VirtAddr at) {
  return const_cast<Page&>(static_cast<const MmuReference*>(this)->PageOf(at));
}

unsigned MmuReference::pcid() const {
  return Bit(RegisterValue(RegisterName::kCr4), kCr4Pcide)
             ? static_cast<unsigned>(RegisterValue(RegisterName::kCr3) & 0xfff)
             : 0;
}

SdmControls MmuReference::Controls() const {
  const std::uint64_t cr4 = RegisterValue(RegisterName::kCr4);
  SdmControls controls;
  controls.wp = Bit(RegisterValue(RegisterName::kCr0), kCr0Wp);
  controls.smep = Bit(cr4, kCr4Smep);
  controls.smap = Bit(cr4, kCr4Smap);
  controls.pke = Bit(cr4, kCr4Pke);
  controls.pks = Bit(cr4, kCr4Pks);
  controls.nxe = Bit(RegisterValue(RegisterName::kEfer), kEferNxe);
  controls.la57 = levels_ == 5;
  controls.maxphyaddr = phys_bits_;
  controls.pkru = static_cast<std::uint32_t>(RegisterValue(RegisterName::kPkru));
  controls.pkrs = static_cast<std::uint32_t>(RegisterValue(RegisterName::kPkrs));
  controls.table = RegisterValue(RegisterName::kCr3) & kAddress;
  return controls;
}

Way MmuReference::Walk(const Way& begin, VirtAddr at) const {
  const SdmControls controls = Controls();
  Way way = begin;
  std::uint64_t table =
      begin.count == 0 ? controls.table : begin.entries[begin.count - 1].word & kAddress;
  for (;;) {
    const int name = static_cast<int>(levels_ - way.count);
    WayEntry& entry = way.entries[way.count++];
    entry.slot = table + (at.value() >> SdmPredictor::PageSizeLog2(name) & 511) * 8;
    entry.word = ram_.Load(PhysAddr(entry.slot));
    const auto stamp = stamps_.find(entry.slot);
    entry.stamp = stamp == stamps_.end() ? 0 : stamp->second;
    if (!Bit(entry.word, 0)) {
      way.end = Way::End::kNotPresent;
      return way;
    }
    if (SdmPredictor::IsReserved(controls, entry.word, name)) {
      way.end = Way::End::kReserved;
      return way;
    }
    if (SdmPredictor::MapsPage(entry.word, name)) {
      way.end = Way::End::kPage;
      return way;
    }
    table = entry.word & kAddress;
  }
}

// All ways that a walk can take: from the top, and from each table that may be remembered.
std::vector<MmuReference::CachedWay> MmuReference::WaysNow(const Page& page) const {
  std::vector<CachedWay> ways{CachedWay{WayNow(page.begin), pcid(), false}};
  for (const CachedWay& cached : page.cached) {
    if (cached.way.end == Way::End::kTable && IsUsable(cached)) {
      ways.push_back(CachedWay{Walk(cached.way, page.begin), pcid(), false, cached.is_dropped});
    }
  }
  return ways;
}

void MmuReference::Add(Page& page, CachedWay added) const {
  for (CachedWay& cached : page.cached) {
    if (cached.way == added.way && cached.way.end == added.way.end && cached.pcid == added.pcid &&
        cached.is_global == added.is_global) {
      for (unsigned i = 0; i < kPerformerCount; ++i) {
        cached.is_dropped[i] = cached.is_dropped[i] && added.is_dropped[i];
      }
      return;
    }
  }
  page.cached.push_back(added);
}

// Takes note of what may be cached of a page before it changes.
void MmuReference::NoteNow(Page& page) {
  const bool has_globals = Bit(RegisterValue(RegisterName::kCr4), kCr4Pge);
  for (CachedWay now : WaysNow(page)) {
    if (tracking_ == Tracking::kTablesToo) {
      CachedWay table = now;
      table.way.end = Way::End::kTable;
      for (table.way.count = 1; table.way.count < now.way.count; ++table.way.count) {
        Add(page, table);
      }
    }
    if (now.way.end == Way::End::kPage) {
      now.is_global = has_globals && Bit(now.way.entries[now.way.count - 1].word, kGlobalBit);
      Add(page, now);
    }
  }
}

void MmuReference::NoteNow(std::uint64_t changing_slot) {
  for (Page& page : pages_) {
    const Way now = WayNow(page.begin);
    const bool is_on_way =
        std::any_of(now.entries.begin(), now.entries.begin() + now.count,
                    [&](const WayEntry& entry) { return entry.slot == changing_slot; });
    // A remembered table can lead to places that are on no way from the top any more.
    if (is_on_way || (tracking_ == Tracking::kTablesToo && !page.cached.empty())) {
      NoteNow(page);
    }
  }
}

void MmuReference::NoteAllNow() {
  for (Page& page : pages_) {
    NoteNow(page);
  }
}

bool MmuReference::Covers(const TlbFlush& flush, const CachedWay& cached, VirtAddr page) const {
  const int name = static_cast<int>(levels_ - cached.way.count + 1);
  const bool is_at_address =
      (page.value() ^ flush.address.value()) >> SdmPredictor::PageSizeLog2(name) == 0;
  const bool is_of_pcid = cached.pcid == flush.pcid.value();
  const bool is_table = cached.way.end == Way::End::kTable;
  switch (flush.kind) {
    case TlbFlush::Kind::kPage:
      return is_table ? is_of_pcid : is_at_address && (is_of_pcid || cached.is_global);
    case TlbFlush::Kind::kPageOfPcid:
      return is_at_address && is_of_pcid && !cached.is_global;
    case TlbFlush::Kind::kPcid:
      return is_of_pcid && !cached.is_global;
    case TlbFlush::Kind::kAllButGlobal:
      return !cached.is_global;
    case TlbFlush::Kind::kAll:
      break;
  }
  return true;
}

void MmuReference::Flush(const TlbFlush& flush) {
  for (Page& page : pages_) {
    std::erase_if(page.cached,
                  [&](const CachedWay& cached) { return Covers(flush, cached, page.begin); });
  }
}

void MmuReference::Write(const mmu_op::WriteRegister& write) {
  std::uint64_t& value = registers_[static_cast<unsigned>(write.which)];
  const std::uint64_t changed = value ^ write.value;
  switch (write.which) {
    case RegisterName::kCr3:
      NoteAllNow();
      value = write.value & ~(std::uint64_t{1} << kCr3Keep);
      if (!Bit(write.value, kCr3Keep)) {
        Flush(TlbFlush{TlbFlush::Kind::kPcid, arch::Pcid(pcid()), VirtAddr()});
      }
      return;
    case RegisterName::kCr4:
      if (Bit(changed, kCr4Pge) || (Bit(changed, kCr4Pcide) && Bit(value, kCr4Pcide))) {
        Flush(TlbFlush{TlbFlush::Kind::kAll, arch::Pcid(), VirtAddr()});
      }
      break;
    case RegisterName::kEfer:
      // Which bits of entries are reserved changes.
      if (Bit(changed, kEferNxe)) {
        NoteAllNow();
      }
      break;
    default:
      break;
  }
  value = write.value;
}

void MmuReference::Poke(const mmu_op::Poke& poke) {
  if (tracking_ != Tracking::kNothing) {
    NoteNow(poke.at.value());
  }
  ram_.Store(poke.at, poke.word);
  stamps_[poke.at.value()] = ++last_stamp_;
  const std::uint64_t usage = poke.word & kUsageBits;
  bounds_[poke.at.value()] = UsageBounds{usage, usage, 0};
}

void MmuReference::Perform(const MmuOperation& operation) {
  struct Visitor {
    MmuReference& reference;

    void operator()(const mmu_op::BeginEpisode& begin) const {
      reference.pages_.clear();
      if (reference.tracking_ != Tracking::kNothing) {
        for (const VirtAddr page : reference.episodes_[begin.index]) {
          reference.pages_.push_back(Page{page, {}});
        }
      }
    }
    void operator()(const mmu_op::WriteRegister& write) const { reference.Write(write); }
    void operator()(const mmu_op::Poke& poke) const { reference.Poke(poke); }
    void operator()(const mmu_op::Invlpg& invlpg) const {
      const arch::Pcid pcid(reference.pcid());
      reference.Flush(TlbFlush{TlbFlush::Kind::kPage, pcid, invlpg.at});
    }
    void operator()(const mmu_op::Invpcid& invpcid) const { reference.Flush(invpcid.flush); }
    void operator()(const mmu_op::Access&) const {
      throw std::logic_error("an access is expected and settled");
    }
  };
  std::visit(Visitor{*this}, operation);
}

bool MmuReference::IsCertain(VirtAddr at) const {
  const Page& page = PageOf(at);
  const Way now = WayNow(page.begin);
  return std::all_of(page.cached.begin(), page.cached.end(), [&](const CachedWay& cached) {
    if (!IsUsable(cached)) {
      return true;
    }
    // A table that is remembered may be one that a walk would not get to, if what is reserved has
    // changed: so the way has to go on behind it.
    return cached.way.end == Way::End::kTable
               ? now.count > cached.way.count && now.BeginsWith(cached.way)
               : now.end == Way::End::kPage && now == cached.way;
  });
}

bool MmuReference::MayBeUserPage(VirtAddr at) const {
  const Page& page = PageOf(at);
  std::vector<CachedWay> ways = WaysNow(page);
  ways.insert(ways.end(), page.cached.begin(), page.cached.end());
  return std::any_of(ways.begin(), ways.end(), [](const CachedWay& cached) {
    return cached.way.end == Way::End::kPage &&
           std::all_of(cached.way.entries.begin(), cached.way.entries.begin() + cached.way.count,
                       [](const WayEntry& entry) { return Bit(entry.word, kUserBit); });
  });
}

AllowedEnd MmuReference::Judge(const Way& way, const mmu_op::Access& access) const {
  SdmControls controls = Controls();
  controls.ac = access.is_ac_set;
  const SdmAccess kind = KindOf(access.instruction);
  const SdmMode mode = ModeOf(access);
  AllowedEnd end;
  end.is_fault = true;
  if (way.end != Way::End::kPage) {
    end.code = SdmPredictor::AccessBits(controls, kind, mode);
    end.code |= way.end == Way::End::kReserved ? 1u | 1u << 3 : 0u;
    return end;
  }
  std::array<std::uint64_t, 5> words{};
  end.leaf_level = levels_ - way.count;
  end.is_of_user_page = true;
  for (unsigned i = 0; i < way.count; ++i) {
    words[i] = way.entries[i].word;
    end.is_of_user_page = end.is_of_user_page && Bit(words[i], kUserBit);
  }
  const std::span<const std::uint64_t> used(words.data(), way.count);
  end.code = SdmPredictor::Judge(controls, used, kind, mode);
  if (end.code != 0) {
    return end;
  }
  end.at = PhysAddr(SdmPredictor::PhysicalAddress(
      used.back(), static_cast<int>(levels_ - way.count + 1), access.at.value()));
  if (access.instruction == Instruction::kSegment &&
      (ram_.Load(WordAt(end.at)) & kDescriptorAccessed) == 0) {
    end.code = SdmPredictor::Judge(controls, used, SdmAccess::kWrite, mode);
  }
  end.is_fault = end.code != 0;
  return end;
}

Expectation MmuReference::Expect(const mmu_op::Access& access) {
  Expectation expectation;
  const unsigned unused = 64 - (12 + 9 * levels_);
  const auto shifted = static_cast<std::int64_t>(access.at.value() << unused);
  if (static_cast<std::uint64_t>(shifted >> unused) != access.at.value()) {
    expectation.is_canonical = false;
    return expectation;
  }
  if (access.is_coherent) {
    expectation.ends.push_back(Judge(WayNow(access.at), access));
    return expectation;
  }
  const Page& page = PageOf(access.at);
  std::vector<CachedWay> ways = WaysNow(page);
  for (const CachedWay& cached : page.cached) {
    if (cached.way.end == Way::End::kPage && IsUsable(cached)) {
      ways.push_back(cached);
    }
  }
  for (const CachedWay& way : ways) {
    AllowedEnd end = Judge(way.way, access);
    end.is_dropped = way.is_dropped;
    expectation.ends.push_back(end);
  }
  expectation.is_certain = false;
  return expectation;
}

void MmuReference::SettleUsage(const Way& way, const AllowedEnd& end, bool is_write,
                               bool is_certain) {
  for (unsigned i = 0; i < way.count; ++i) {
    const WayEntry& entry = way.entries[i];
    const bool is_last = i + 1 == way.count;
    UsageBounds& bounds =
        bounds_.try_emplace(entry.slot, BoundsOf(PhysAddr(entry.slot))).first->second;
    if (end.is_fault) {
      // QEMU sets the accessed bit of a 1 GiB leaf before it looks at reserved bits and rights.
      const int name = static_cast<int>(levels_ - i);
      const bool is_huge =
          name == 3 && Bit(entry.word, 0) && SdmPredictor::MapsPage(entry.word, name);
      bounds.may_by_fault |= !is_last || is_huge ? kAccessed : 0;
      continue;
    }
    const std::uint64_t used = kAccessed | (is_last && is_write ? kDirty : 0);
    bounds.may |= used;
    bounds.must |= is_certain ? used : 0;
  }
}

void MmuReference::Settle(const mmu_op::Access& access, const Expectation& expectation,
                          const std::array<bool, kPerformerCount>& has_faulted) {
  if (!expectation.is_canonical) {
    return;
  }
  if (ChangesMemory(access.instruction) && !expectation.is_certain) {
    throw std::logic_error("it is uncertain what a store stores to");
  }
  const bool is_write = KindOf(access.instruction) == SdmAccess::kWrite;
  std::vector<CachedWay> ways{CachedWay{WayNow(access.at), pcid(), false}};
  if (tracking_ != Tracking::kNothing) {
    Page& page = PageOf(access.at);
    ways = WaysNow(page);
    for (CachedWay& cached : page.cached) {
      for (unsigned i = 0; i < kPerformerCount; ++i) {
        cached.is_dropped[i] =
            cached.is_dropped[i] || (has_faulted[i] && !cached.is_global && cached.pcid == pcid());
      }
    }
  }
  for (const CachedWay& way : ways) {
    const AllowedEnd end = Judge(way.way, access);
    const bool is_descriptor_write = access.instruction == Instruction::kSegment;
    if (is_descriptor_write && end.is_fault && (end.code & 2) != 0) {
      // It was read first.
      SettleUsage(way.way, AllowedEnd{}, false, expectation.is_certain);
    }
    const bool sets_dirty = is_write || (is_descriptor_write && !end.is_fault &&
                                         (ram_.Load(WordAt(end.at)) & kDescriptorAccessed) == 0);
    SettleUsage(way.way, end, sets_dirty, expectation.is_certain);
  }
  if (expectation.is_certain && !expectation.ends.front().is_fault &&
      ChangesMemory(access.instruction)) {
    const PhysAddr at = expectation.ends.front().at;
    const PhysAddr word = WordAt(at);
    ram_.Store(word, ChangedBy(access.instruction, ram_.Load(word),
                               static_cast<unsigned>(at - word), access.value));
  }
}

UsageBounds MmuReference::BoundsOf(PhysAddr slot) const {
  const auto found = bounds_.find(slot.value());
  if (found != bounds_.end()) {
    return found->second;
  }
  const std::uint64_t usage = ram_.Load(slot) & kUsageBits;
  return UsageBounds{usage, usage, 0};
}

}  // namespace pageward::testing_support
