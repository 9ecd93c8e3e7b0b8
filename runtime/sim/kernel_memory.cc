#include "runtime/sim/kernel_memory.h"

namespace pageward::sim {

void KernelMemory::CheckWritable(Cpu& cpu, PhysAddr at) {
  const ptable::Access access{ptable::AccessKind::kWrite, ptable::AccessMode::kSupervisor};
  ptable::Outcome outcome = cpu.Translate(DirectAddressOf(at), access);
  if (!outcome.IsTranslated() && outcome.source() == ptable::AnswerSource::kTlb) {
    // A refusal that was cached: the fault has dropped it, and the next try looks.
    outcome = cpu.Translate(DirectAddressOf(at), access);
  }
  if (!outcome.IsTranslated()) {
    cpu.meter().Add(Tally::kOops);
    machine_.Note(Event{.a = DirectAddressOf(at).value() >> kFrameBytesLog2,
                        .value = outcome.IsPageFault() ? outcome.code().value() : 0,
                        .kind = EventKind::kOops});
  }
  // The simulated kernel has written where it may not: its code is wrong, and that is ours.
  PW_CHECK(outcome.IsTranslated(), Violation::kInvariant, at.value());
  cpu.meter().Add(Primitive::kTableWrite);
}

void KernelMemory::ZeroTable(FrameNumber frame) {
  const WriteScope scope(*this, machine_.ram().AddressOf(frame));
  machine_.ram().Zero(frame);
  if (!is_booting_) {
    CurrentCpu().meter().Add(Primitive::kFrameCleared);
  }
}

}  // namespace pageward::sim
