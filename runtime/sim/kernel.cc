#include "runtime/sim/kernel.h"

#include <new>

#include "runtime/ptable/mapper.h"

namespace pageward::sim {

using frame::Mobility;
using frame::Request;
using ptable::SetMemoryTo;

// Everything that a kernel is kept in, in the order in which it is carved.
struct Kernel::Memory {
  std::span<std::byte> kernel;
  std::span<std::byte> ram_object;
  std::span<std::byte> early_object;
  Machine::Memory machine;
  std::span<frame::BlockRecord> records;
  std::span<frame::FrameLeaf> leaves;
  std::span<frame::ThreadLists> lists;
  std::span<Task> idle_tasks;
  TableAccounts::Memory accounts;
  PtpPool::Memory tables;
  FrameUsers::Memory users;
  std::span<std::uint32_t> stale;
  SimRam::Memory ram;

  static Memory CarveFrom(Carver& carver, const KernelConfig& config) {
    const FrameCount frames = FramesFor(config.ram_bytes);
    const std::size_t blocks = frames.value / kPageblockFrames;
    Memory memory;
    memory.kernel = carver.Take<std::byte>(sizeof(Kernel), alignof(Kernel));
    memory.ram_object = carver.Take<std::byte>(sizeof(SimRam), alignof(SimRam));
    memory.early_object = carver.Take<std::byte>(sizeof(EarlyTables), alignof(EarlyTables));
    memory.machine = Machine::Memory::CarveFrom(carver, config.machine.cpus);
    memory.records = carver.Take<frame::BlockRecord>(blocks);
    memory.leaves = carver.Take<frame::FrameLeaf>(blocks, kFrameBytes);
    memory.lists = TakeLists(carver, config.machine.cpus);
    memory.idle_tasks = carver.Take<Task>(config.machine.cpus);
    memory.accounts = TableAccounts::Memory::CarveFrom(carver, frames);
    memory.tables = PtpPool::Memory::CarveFrom(carver, frames);
    memory.users = FrameUsers::Memory::CarveFrom(carver, frames);
    memory.stale = carver.Take<std::uint32_t>(frames.value);
    memory.ram = SimRam::Memory::CarveFrom(carver, frames);
    return memory;
  }

  // Lists are made where they lie and, like the kernel, never destroyed.
  static std::span<frame::ThreadLists> TakeLists(Carver& carver, std::uint32_t cpus) {
    const std::span<std::byte> bytes =
        carver.Take<std::byte>(cpus * sizeof(frame::ThreadLists), alignof(frame::ThreadLists));
    frame::ThreadLists* first = nullptr;
    for (std::uint32_t i = 0; i < cpus && !bytes.empty(); ++i) {
      auto* const made = ::new (static_cast<void*>(bytes.data() + i * sizeof(frame::ThreadLists)))
          frame::ThreadLists();
      first = i == 0 ? made : first;
    }
    return std::span(first, bytes.empty() ? 0 : cpus);
  }
};

namespace {

// How many tables the direct map takes, and what it takes to protect them: the root, the tables of
// the top entries, two for a split, and what is set aside for later ones.
std::uint32_t EarlyTableCount(const KernelConfig& config) {
  std::uint64_t tables = 1 + 3 + 2 + config.tables.shape.reserved() + 4;
  for (unsigned level = Shape::kTopLevel; level > config.direct_map.largest_leaf; --level) {
    tables += DivideRoundUp(config.ram_bytes, Shape::Bytes(level));
  }
  // A RAM that is no multiple of a large leaf ends in smaller ones.
  return static_cast<std::uint32_t>(tables + 1);
}

bool IsSensible(const KernelConfig& config) {
  return config.ram_bytes >= 16 * kPageblockBytes && config.ram_bytes % kPageblockBytes == 0 &&
         config.ram_bytes <= std::uint64_t{1} << 40 && config.machine.cpus > 0 &&
         config.machine.cpus <= ptable::CpuSet::kMaxCpus && config.direct_map.largest_leaf <= 2 &&
         IsAligned<std::uint64_t>(config.ram_base.value(), kMaxOrder.frames().bytes()) &&
         config.direct_map.phys_bits.Contains(config.ram_base + (config.ram_bytes - 1)) &&
         config.direct_map.phys_bits == config.machine.features.phys_bits &&
         !(config.user_tables == UserTables::kIsolated && config.direct_map.is_global);
}

}  // namespace

std::uint64_t Kernel::BytesFor(const KernelConfig& config) {
  Carver carver;
  Memory::CarveFrom(carver, config);
  return AlignUp<std::uint64_t>(carver.taken(), kFrameBytes);
}

Result<Kernel*> Kernel::Start(VirtRange range, const KernelConfig& config) {
  if (!IsSensible(config) || range.bytes < BytesFor(config)) {
    return Error::kInvalid;
  }
  Carver carver(range);
  const Memory memory = Memory::CarveFrom(carver, config);
  SimRam& ram =
      *::new (static_cast<void*>(memory.ram_object.data())) SimRam(memory.ram, config.ram_base);
  EarlyTables& early = *::new (static_cast<void*>(memory.early_object.data())) EarlyTables(ram);
  const std::uint32_t early_blocks = DivideRoundUp(EarlyTableCount(config), kPageblockFrames);
  if (std::uint64_t{early_blocks} * 2 > memory.records.size()) {
    return Error::kNoMemory;
  }
  early.UseRegion(BlockRange{BlockNumber(0), early_blocks});
  const std::optional<PhysAddr> root = early.Allocate();
  Kernel* const kernel =
      ::new (static_cast<void*>(memory.kernel.data())) Kernel(memory, config, *root);
  const OnCpu on_cpu(kernel->machine_.cpu(0));
  if (const Status booted = kernel->Boot(); !booted) {
    return booted.error();
  }
  return kernel;
}

// The RAM and the early tables lie where Start() has put them, since the root comes from them.
Kernel::Kernel(const Memory& memory, const KernelConfig& config, PhysAddr root)
    : config_(config),
      ram_(*std::launder(reinterpret_cast<SimRam*>(memory.ram_object.data()))),
      machine_(memory.machine, ram_, config.machine),
      memory_(machine_, config.protection(), config.batching),
      early_(*std::launder(reinterpret_cast<EarlyTables*>(memory.early_object.data()))),
      map_(memory_, root, config.direct_map),
      accounts_(memory.accounts),
      converter_(memory_, map_, keys_),
      leaves_(memory.leaves),
      users_(memory.users),
      compactor_(users_),
      frames_(memory.records, {leaves_, converter_, &compactor_}),
      pool_(memory.tables, memory_, map_, frames_, accounts_, config.tables),
      hidden_(frames_, map_, ram_, config.conversion),
      stale_(memory.stale),
      lists_(memory.lists),
      idle_tasks_(memory.idle_tasks) {
  keys_.AssignFixed(kTableOwner, kTableKey);
}

// --- Starting ------------------------------------------------------------------------------------

Status Kernel::Boot() {
  if (const Status built = map_.Build(early_); !built) {
    return built;
  }
  if (const Status made = MakeTopEntries(); !made) {
    return made;
  }
  frames_.set_walk_interval(0);
  const auto blocks = static_cast<std::uint32_t>(config_.ram_bytes >> kPageblockBytesLog2);
  const std::uint32_t early_blocks = early_.region().count;
  frames_.AddBlocks(BlockRange{BlockNumber(early_blocks), blocks - early_blocks});
  compactor_.Use(frames_, blocks);
  for (std::uint32_t i = 0; i < machine_.cpu_count(); ++i) {
    idle_tasks_[i] = Task{.root = map_.table().root()};
    machine_.cpu(i).SwitchTo(idle_tasks_[i]);
    frames_.Attach(lists_[i]);
  }
  memory_.LeaveBoot();
  if (const Status protection = ProtectEarlyTables(); !protection) {
    return protection;
  }
  const bool has_key = config_.tables.policy != PtpPolicy::kNone;
  return has_key && !DoesProtectionAct() ? Status(Error::kUnsupported) : Status();
}

// One table below each top entry that processes copy, so that it never changes afterwards.
Status Kernel::MakeTopEntries() {
  ptable::PtpStock<KernelMemory> stock(memory_, early_);
  const VirtRange regions[] = {kKmapRange, kEntryArea, kExecmem};
  if (const Status filled = stock.Fill(std::size(regions)); !filled) {
    return filled;
  }
  for (const VirtRange region : regions) {
    const PhysAddr slot = ptable::SlotOf(map_.table().root(), TopEntryOf(region.begin));
    map_.table().InstallTable(Shape::kTopLevel, slot, region.begin, stock);
  }
  return {};
}

Status Kernel::ProtectEarlyTables() {
  for (FrameNumber frame; frame < early_.rest().begin; ++frame.value) {
    accounts_.Move(frame, kNobody, kKernelAccount);
  }
  if (config_.tables.policy == PtpPolicy::kNone) {
    return {};
  }
  const FrameRange region = early_.region().frames();
  // The split that sets the region apart takes its tables from the region.
  const auto split = ptable::Mapper(map_.table()).SplitAt(map_.AddressOf(region.end()), early_);
  if (!split.ok()) {
    return split.error();
  }
  for (std::uint32_t i = static_cast<std::uint32_t>(split->tables_added); i > 0; --i) {
    accounts_.Move(early_.rest().begin - FrameCount(i), kNobody, kKernelAccount);
  }
  const Status protection = early_.unprotected().ProtectAll([&](FrameRange range) -> Status {
    PW_CHECK(range.begin >= region.begin && range.end() <= region.end(), Violation::kInvariant,
             range.begin.value);
    const auto changed = map_.Change(region, SetMemoryTo::Key(kTableKey), FlushWhen::kNow);
    return changed.ok() ? Status() : Status(changed.error());
  });
  if (!protection) {
    return protection;
  }
  machine_.Note(
      Event{.a = region.begin.value, .b = region.count.value, .kind = EventKind::kTableProtected});
  if (config_.tables.policy == PtpPolicy::kReserve && !map_.IsPteOnly()) {
    pool_.Adopt(early_.rest());
    return pool_.Prepare();
  }
  return {};
}

bool Kernel::DoesProtectionAct() {
  Cpu& cpu = CurrentCpu();
  const VirtAddr root = memory_.DirectAddressOf(map_.table().root());
  const WordAccess read = cpu.Read(root);
  if (!read.ok()) {
    return false;
  }
  // Writing back what is there changes nothing if it goes through.
  const WordAccess written = cpu.Write(root, read.word);
  return written.outcome.IsPageFault() && written.outcome.code().Has<arch::PageFaultCode::IsKey>();
}

// --- Frames --------------------------------------------------------------------------------------

frame::ThreadLists& Kernel::lists() {
  return lists_[CurrentCpu().number().value];
}

void Kernel::DrainLists() {
  for (frame::ThreadLists& lists : lists_) {
    frames_.Drain(lists);
  }
}

Result<FrameNumber> Kernel::AllocateFrame(Order order, const Request& request) {
  const Result<FrameNumber> frame = frames_.Allocate(order, request, lists());
  if (frame.ok()) {
    CurrentCpu().meter().Add(Primitive::kFrameAllocated);
  }
  return frame;
}

void Kernel::FreeFrame(FrameNumber frame, Order order) {
  CheckStale(FrameRange{frame, order.frames()});
  frames_.Free(frame, order, lists());
  CurrentCpu().meter().Add(Primitive::kFrameFreed);
}

Result<FrameNumber> Kernel::AllocateHidden(Order order) {
  return hidden_.Allocate(order, lists());
}

void Kernel::FreeHidden(FrameNumber frame, Order order) {
  CheckStale(FrameRange{frame, order.frames()});
  hidden_.Free(frame, order, lists());
}

void Kernel::ClearFrame(FrameNumber frame) {
  ram_.Zero(frame);
  CurrentCpu().meter().Add(Primitive::kFrameCleared);
}

void Kernel::CheckInvariants() {
  map_.table().CheckInvariants();
  frames_.CheckInvariantsAtRest();
  pool_.CheckInvariants();
  accounts_.CheckInvariants();
  if (config_.tables.policy == PtpPolicy::kReserve) {
    ForEachTable([&](FrameNumber frame) {
      PW_CHECK(pool_.IsProtected(frame), Violation::kProtection, frame.value);
    });
  }
}

}  // namespace pageward::sim
