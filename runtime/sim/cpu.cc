#include "runtime/sim/cpu.h"

#include "runtime/core/check.h"

namespace pageward::sim {

using ptable::AccessKind;
using ptable::AccessMode;
using ptable::Outcome;

namespace {

constinit thread_local Cpu* t_cpu = nullptr;

}  // namespace

Cpu& CurrentCpu() {
  PW_CHECK(t_cpu != nullptr, Violation::kAssertion, 0);
  return *t_cpu;
}

bool HasCurrentCpu() {
  return t_cpu != nullptr;
}

OnCpu::OnCpu(Cpu& cpu) : before_(t_cpu) {
  t_cpu = &cpu;
}

OnCpu::~OnCpu() {
  t_cpu = before_;
}

Cpu::Cpu(ptable::CpuNumber number, SimRam& ram, const Features& features)
    : number_(number),
      ram_(ram),
      tlb_(features.walk_caching, nullptr),
      mmu_(ram, tlb_, features.phys_bits) {
  using arch::Cr4;
  mmu_.WriteCr4(Cr4::GlobalPages::kMask | Cr4::ContextIds::kMask | Cr4::NoUserFetch::kMask |
                Cr4::NoUserAccess::kMask | Cr4::UserKeys::kMask |
                Cr4::SupervisorKeys::Encode(features.has_supervisor_keys));
  mmu_.WritePkrs(DefaultRights());
  mmu_.WritePkru(arch::kInitialPkru);
}

ptable::TlbCounters Cpu::tlb_counters() {
  MutexLock lock(mutex_);
  return tlb_.counters();
}

// --- Accesses ------------------------------------------------------------------------------------

Outcome Cpu::Translate(VirtAddr at, ptable::Access access) {
  MutexLock lock(mutex_);
  if (is_clean_.load(std::memory_order_relaxed)) {
    is_clean_.store(false, std::memory_order_seq_cst);
  }
  const Outcome outcome = mmu_.Translate(at, access);
  if (outcome.source() == ptable::AnswerSource::kWalk) {
    meter_.Add(Primitive::kWalk);
  }
  if (!outcome.IsTranslated()) {
    meter_.Add(Primitive::kFault);
  }
  return outcome;
}

WordAccess Cpu::Read(VirtAddr at, AccessMode mode) {
  const Outcome outcome = Translate(at, ptable::Access{AccessKind::kRead, mode});
  return WordAccess{outcome, outcome.IsTranslated() ? ram_.Load(outcome.address()) : 0};
}

WordAccess Cpu::Write(VirtAddr at, std::uint64_t word, AccessMode mode) {
  const Outcome outcome = Translate(at, ptable::Access{AccessKind::kWrite, mode});
  if (!outcome.IsTranslated()) {
    return WordAccess{outcome, 0};
  }
  const std::uint64_t before = ram_.Load(outcome.address());
  ram_.Store(outcome.address(), word);
  return WordAccess{outcome, before};
}

// --- Tasks ---------------------------------------------------------------------------------------

void Cpu::SwitchTo(Task& task) {
  PW_ASSERT(!IsInInterrupt());
  if (task_ != nullptr) {
    PW_CHECK(task_->pins == 0, Violation::kAssertion, number_.value);
    task_->kernel_rights = registers().pkrs;
    task_->user_rights = registers().pkru;
  }
  task_ = &task;
  if ((registers().cr3 & arch::Cr3::TableFrame::kMask) != task.root.value()) {
    LoadTable(task.root, task.pcid);
  }
  if (registers().pkrs != task.kernel_rights) {
    WriteKernelRights(task.kernel_rights);
  }
  mmu_.WritePkru(task.user_rights);
}

void Cpu::LoadTable(PhysAddr root, arch::Pcid pcid) {
  MutexLock lock(mutex_);
  mmu_.WriteCr3(root.value() | arch::Cr3::ContextId::Encode(pcid.value()) |
                arch::Cr3::KeepTranslations::kMask);
  meter_.Add(Primitive::kTableSwitch);
}

void Cpu::WriteKernelRights(arch::Pkrs rights) {
  mmu_.WritePkrs(rights);
  meter_.Add(Primitive::kKeyRegisterWrite);
}

void Cpu::OpenWindowKey() {
  if (task().open_windows++ == 0) {
    WriteKernelRights(registers().pkrs.With(kWindowKey, arch::KeyAccess::kReadWrite));
  }
}

void Cpu::CloseWindowKey() {
  PW_ASSERT(task().open_windows > 0);
  if (--task().open_windows == 0) {
    WriteKernelRights(registers().pkrs.With(kWindowKey, arch::KeyAccess::kNone));
  }
}

// --- Interrupts ----------------------------------------------------------------------------------

void Cpu::EnterInterrupt() {
  PW_CHECK(interrupt_depth_ < kMaxInterrupts, Violation::kAssertion, interrupt_depth_);
  saved_rights_[interrupt_depth_++] = registers().pkrs;
  if (registers().pkrs != DefaultRights()) {
    WriteKernelRights(DefaultRights());
  }
}

void Cpu::LeaveInterrupt() {
  PW_ASSERT(interrupt_depth_ > 0);
  const arch::Pkrs before = saved_rights_[--interrupt_depth_];
  if (registers().pkrs != before) {
    WriteKernelRights(before);
  }
}

// --- Flushes -------------------------------------------------------------------------------------

ptable::ShootdownCounters Cpu::Forget(const ptable::FlushRequest& request,
                                      const ptable::ShootdownTarget& target) {
  ptable::ShootdownCounters counters;
  const std::uint64_t pages = request.range.bytes >> request.page_bytes_log2;
  const bool is_full = pages > ptable::Shootdown::kMostSinglePages ||
                       target.scope == ptable::ShootdownScope::kEveryPcid;
  // What was written to the tables before comes before the question: see is_clean_.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (is_clean_.load(std::memory_order_seq_cst)) {
    // The instructions are the same; there is nothing for them to do.
    (is_full ? counters.full_flushes : counters.page_flushes) = is_full ? 1 : pages;
    return counters;
  }
  MutexLock lock(mutex_);
  ptable::Tlb* const tlb = &tlb_;
  ptable::ShootdownTarget only = target;
  only.cpus = ptable::CpuSet::Only(ptable::CpuNumber(0));
  only.initiator = ptable::CpuNumber(0);
  ptable::Shootdown shootdown(std::span(&tlb, 1), only, counters);
  shootdown.Flush(request);
  if (is_full && target.scope != ptable::ShootdownScope::kOnePcid) {
    is_clean_.store(true, std::memory_order_seq_cst);
  }
  return counters;
}

void Cpu::ForgetAll() {
  MutexLock lock(mutex_);
  tlb_.Flush(ptable::TlbFlush{ptable::TlbFlush::Kind::kAll, {}, VirtAddr()});
  is_clean_.store(true, std::memory_order_seq_cst);
}

}  // namespace pageward::sim
