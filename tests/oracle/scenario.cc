#include "tests/oracle/scenario.h"

#include "runtime/ptable/collapse.h"
#include "runtime/ptable/set_memory.h"
#include "tests/support/ptable/mmu_program_writer.h"

namespace pageward::oracle {
namespace {

using ptable::SetDirectMapTo;
using ptable::SetMemoryTo;
using testing_support::MmuOperation;
using testing_support::RegisterName;
namespace mmu_op = testing_support::mmu_op;

constexpr PhysAddr kRoot{0x800'0000};
// The second GiB of RAM, at home where Linux has its direct map, and as users see it.
constexpr PhysAddr kRam{0x4000'0000};
constexpr std::uint64_t kRamBytes = std::uint64_t{1} << 30;
constexpr VirtAddr kDirectMap{0xffff'8880'4000'0000};
constexpr VirtAddr kUserMap{0x7f00'0000'0000};

// Frames with data, as numbers inside of the GiB: at the ends of it, of pageblocks, and in between.
constexpr std::array<std::uint64_t, 14> kDataFrames{
    0, 1, 7, 511, 512, 513, 1023, 131'071, 131'072, 131'073, 261'631, 261'632, 262'142, 262'143};

PhysAddr FrameOf(std::uint64_t number) {
  return kRam + number * kFrameBytes;
}

testing_support::MmuProgram ProgramWithData() {
  testing_support::MmuProgram program;
  program.walk_caching = ptable::WalkCaching::kOn;
  std::uint32_t tag = 0;
  for (const std::uint64_t number : kDataFrames) {
    for (std::uint64_t& word : program.ram.FrameAt(FrameOf(number).value() / kFrameBytes)) {
      word = testing_support::DataWord(tag++);
    }
  }
  return program;
}

testing_support::MmuRun RunOver(const testing_support::MmuProgram& program) {
  testing_support::MmuRun run;
  run.ram = program.ram;
  return run;
}

}  // namespace

// What a table page holds when it comes back goes, word by word: another MMU has to see it go.
std::optional<PhysAddr> RecordingPtpSource::Allocate() {
  if (free_.empty()) {
    next_ = next_ + kFrameBytes;
    return next_;
  }
  const PhysAddr page = free_.back();
  free_.pop_back();
  for (std::uint64_t offset = 0; offset < kFrameBytes; offset += 8) {
    if (memory_.Load(page + offset) != 0) {
      memory_.Store(page + offset, 0);
    }
  }
  return page;
}

Scenario::Scenario(std::uint64_t seed, const MissingFlush& missing)
    : numbers_(seed),
      missing_(missing),
      program_(ProgramWithData()),
      run_(RunOver(program_)),
      memory_(program_, run_),
      source_(memory_),
      table_(ptable::X86_64Format<4>(), memory_, kRoot),
      machine_(run_.ram, program_.phys_bits, program_.walk_caching) {
  Perform(mmu_op::WriteRegister{RegisterName::kCr3, kRoot.value()});
  WriteRegisters();
  ptable::MapRequest request;
  request.range = VirtRange{kDirectMap, kRamBytes};
  request.frame = kRam;
  request.attributes =
      ptable::LeafAttributes{.permissions = {.is_writable = true}, .is_global = true};
  PW_CHECK(ptable::Mapper(table_).Map(request, source_).ok(), Violation::kInvariant, 0);
}

void Scenario::Perform(const MmuOperation& operation) {
  program_.operations.push_back(operation);
  run_.observations.push_back(machine_.Perform(operation));
}

// The software MMU forgets what ptable's shootdown makes it forget, and QEMU everything.
void Scenario::Flush(const ptable::FlushRequest& request) {
  if (flushes_++ != missing_.number) {
    ptable::Tlb* tlbs[] = {&machine_.tlb()};
    ptable::ShootdownTarget target;
    target.cpus = ptable::CpuSet::FirstOf(1);
    target.scope = ptable::ShootdownScope::kGlobalPages;
    ptable::Shootdown(tlbs, target, counters_).Flush(request);
  }
  program_.operations.push_back(
      mmu_op::Invpcid{ptable::TlbFlush{ptable::TlbFlush::Kind::kAll, arch::Pcid(), VirtAddr()}});
  run_.observations.emplace_back();
}

void Scenario::WriteRegisters() {
  for (const MmuOperation& write :
       testing_support::AnyRights(numbers_, program_.levels, program_.open_key)) {
    Perform(write);
  }
}

// From one frame with data to another, or one frame, in either map.
VirtRange Scenario::AnyRange() {
  const VirtAddr map = numbers_.OneIn(2) ? kDirectMap : kUserMap;
  const std::uint64_t begin = numbers_.OneOf(kDataFrames);
  const std::uint64_t end = numbers_.OneOf(kDataFrames);
  const std::uint64_t frames = end <= begin || numbers_.OneIn(3) ? 1 : end - begin;
  return VirtRange{map + begin * kFrameBytes, frames * kFrameBytes};
}

void Scenario::ChangeDirectMap(VirtRange range, ptable::TlbGather& gather) {
  const std::array<ptable::PermissionChange, 8> changes{
      SetDirectMapTo::kInvalid,
      SetDirectMapTo::kValid,
      SetDirectMapTo::kDefault,
      SetMemoryTo::kReadOnly,
      SetMemoryTo::kReadWrite,
      SetMemoryTo::kNoExecute,
      SetMemoryTo::kExecute,
      SetMemoryTo::Key(arch::Pkey(static_cast<unsigned>(numbers_.Below(4))))};
  const bool is_done = SetMemory(table_, range, numbers_.OneOf(changes), source_, gather).ok();
  PW_CHECK(is_done, Violation::kInvariant, 0);
}

void Scenario::ChangeUserMap(VirtRange range, ptable::TlbGather& gather) {
  ptable::Mapper mapper(table_);
  const std::uint64_t offset = range.begin - kUserMap;
  ptable::MapRequest request;
  request.range = range;
  request.frame = kRam + offset;
  request.attributes.permissions =
      ptable::Permissions{.is_readable = true,
                          .is_writable = numbers_.OneIn(2),
                          .is_executable = numbers_.OneIn(2),
                          .is_user = !numbers_.OneIn(4),
                          .key = arch::Pkey(static_cast<unsigned>(numbers_.Below(4)))};
  const bool is_unmapped =
      mapper.Unmap(request.range, ptable::UnmapMode::kSplit, source_, gather).ok();
  PW_CHECK(is_unmapped, Violation::kInvariant, 0);
  if (!numbers_.OneIn(3)) {
    // What was unmapped has to be forgotten before something else is mapped there.
    gather.Finish();
    PW_CHECK(mapper.Map(request, source_).ok(), Violation::kInvariant, 0);
  }
}

void Scenario::CollapseSome(VirtAddr at, ptable::TlbGather& gather) {
  const auto level = static_cast<unsigned>(1 + numbers_.Below(2));
  // First everything that differs inside of what is to be one leaf.
  const VirtRange whole = ptable::AlignedRange(at, ptable::PageBytesLog2(level));
  const bool is_uniform = SetMemory(table_, whole, SetDirectMapTo::kDefault, source_, gather).ok();
  PW_CHECK(is_uniform, Violation::kInvariant, 0);
  if (level == 2) {
    for (std::uint64_t offset = 0; offset < whole.bytes; offset += kPageblockBytes) {
      collapses_ += Collapse(table_, whole.begin + offset, 1, gather).ok() ? 1u : 0u;
    }
  }
  collapses_ += Collapse(table_, at, level, gather).ok() ? 1u : 0u;
}

VirtAddr Scenario::AnyPage() {
  const VirtAddr map = numbers_.OneIn(2) ? kDirectMap : kUserMap;
  return map + numbers_.OneOf(kDataFrames) * kFrameBytes;
}

void Scenario::AccessSome(VirtRange range) {
  for (unsigned i = 0; i < 24; ++i) {
    VirtAddr page = AnyPage();
    for (unsigned tries = 0; i % 2 == 0 && tries < 64 && !range.Contains(page); ++tries) {
      page = AnyPage();
    }
    mmu_op::Access access = testing_support::AnyAccess(numbers_, page);
    // Those who belong there come more often.
    access.is_user = (page < kDirectMap) != numbers_.OneIn(6);
    program_.avoided += testing_support::AvoidKnownError(access);
    Perform(access);
  }
}

void Scenario::Run(unsigned changes) {
  for (unsigned i = 0; i < changes; ++i) {
    if (numbers_.OneIn(8)) {
      WriteRegisters();
    }
    const VirtRange range = AnyRange();
    // Before, so that there is something to be flushed.
    AccessSome(range);
    ptable::TlbGather gather(ptable::FlushMode::kMerged, *this, source_);
    if (range.begin < kDirectMap) {
      ChangeUserMap(range, gather);
    } else if (numbers_.OneIn(3)) {
      CollapseSome(range.begin, gather);
    } else {
      ChangeDirectMap(range, gather);
    }
    gather.Finish();
    AccessSome(range);
  }
}

}  // namespace pageward::oracle
