#include "runtime/sim/machine.h"

#include <new>

namespace pageward::sim {

Machine::Memory Machine::Memory::CarveFrom(Carver& carver, std::uint32_t cpus) {
  return Memory{carver.Take<std::byte>(cpus * sizeof(Cpu), alignof(Cpu))};
}

Machine::Machine(const Memory& memory, SimRam& ram, const MachineOptions& options)
    : ram_(ram), cpu_count_(options.cpus), events_(options.events), faults_(options.faults) {
  PW_ASSERT(cpu_count_ > 0 && cpu_count_ <= ptable::CpuSet::kMaxCpus);
  PW_ASSERT(memory.cpus.size() >= cpu_count_ * sizeof(Cpu));
  // Never destroyed: a processor owns nothing but its own bytes.
  for (std::uint32_t i = 0; i < cpu_count_; ++i) {
    Cpu* const cpu = ::new (static_cast<void*>(memory.cpus.data() + i * sizeof(Cpu)))
        Cpu(ptable::CpuNumber(i), ram, options.features);
    cpus_ = i == 0 ? cpu : cpus_;
  }
}

void Machine::Flush(const ptable::FlushRequest& request, ptable::ShootdownTarget target) {
  Cpu& current = CurrentCpu();
  if (Fails(FaultPoint::kFlush)) {
    return;
  }
  target.initiator = current.number();
  std::uint64_t interrupts = 0;
  ptable::ShootdownCounters sum;
  target.cpus.ForEach([&](ptable::CpuNumber number) {
    interrupts += number == target.initiator ? 0u : 1u;
    const ptable::ShootdownCounters one = cpu(number.value).Forget(request, target);
    sum.page_flushes += one.page_flushes;
    sum.full_flushes += one.full_flushes;
  });
  Meter& meter = current.meter();
  meter.Add(Tally::kFlushEvent);
  meter.Add(Primitive::kPageFlush, sum.page_flushes);
  meter.Add(Primitive::kFullFlush, sum.full_flushes);
  meter.Add(Primitive::kShootdown, interrupts > 0 ? 1 : 0);
  meter.Add(Primitive::kInterrupt, interrupts);
  if (HasEvents()) {
    Note(Event{.a = request.range.begin.value() >> kFrameBytesLog2,
               .b = request.range.bytes >> kFrameBytesLog2,
               .value = target.cpus.Count(),
               .kind = EventKind::kFlushed});
  }
}

Counts Machine::counts() const {
  Counts counts;
  for (std::uint32_t i = 0; i < cpu_count_; ++i) {
    counts += cpus_[i].meter().Read();
  }
  return counts;
}

void Machine::Note(Event event) {
  if (events_ != nullptr) {
    event.sequence = next_event_.fetch_add(1, std::memory_order_relaxed);
    if (HasCurrentCpu()) {
      event.cpu = static_cast<std::uint16_t>(CurrentCpu().number().value);
      event.depth = CurrentCpu().nesting();
    }
    events_->Note(event);
  }
}

}  // namespace pageward::sim
