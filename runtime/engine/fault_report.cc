#include "runtime/engine/fault_report.h"

#include <ucontext.h>

#include <atomic>

#include "runtime/keys/gate.h"
#include "runtime/os/signal_frame.h"
#include "runtime/os/syscall.h"

// libc's sigaction(), under the name that a program's own or the preload library's does not take.
extern "C" int __sigaction(int signal, const struct sigaction* action, struct sigaction* old);

namespace pageward::engine {
namespace {

constinit Engine* g_engine = nullptr;
// What comes after the report, and the place for what replaces it.
constinit struct sigaction g_programs[2] = {};
constinit std::atomic<unsigned> g_current{0};
constinit std::atomic<std::uint32_t> g_process{0};
constinit std::atomic<std::uint64_t> g_reported{0};
constinit std::atomic<std::uint64_t> g_repaired{0};
constinit std::atomic<std::uint64_t> g_ungated{0};

// Bits of the page-fault error code, which Linux passes on in the saved context.
// Source: Intel SDM, volume 3A, section 4.7.
constexpr std::uint64_t kErrorWrite = 1u << 1;
constexpr std::uint64_t kErrorFetch = 1u << 4;
constexpr std::uint64_t kErrorKey = 1u << 5;

Fault FaultFrom(const siginfo_t& info, const ucontext_t& context) {
  const auto code = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_ERR]);
  Fault fault;
  fault.address = VirtAddr::Of(info.si_addr);
  fault.code = VirtAddr(static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]));
  fault.kind = (code & kErrorFetch) != 0   ? Fault::Kind::kFetch
               : (code & kErrorWrite) != 0 ? Fault::Kind::kWrite
                                           : Fault::Kind::kRead;
  // Of a page that has nothing behind it yet the processor says only that; the kernel looked at the
  // key before it would have made one.
  fault.is_by_key = (code & kErrorKey) != 0 || info.si_code == SEGV_PKUERR;
  return fault;
}

std::string_view NameOf(Fault::Kind kind) {
  switch (kind) {
    case Fault::Kind::kRead:
      return "read";
    case Fault::Kind::kWrite:
      return "write";
    case Fault::Kind::kFetch:
      break;
  }
  return "execution";
}

void Report(const Fault& fault) {
  // Asking what runs there are takes locks. The interrupted code gets nothing of this.
  const keys::Gate gate;
  Text<384> line;
  DescribeFault(*g_engine, fault, &line);
  if (!line.view().empty()) {
    line.EndLine();
    g_engine->os().Write(os::Descriptor{2}, line.view());
    g_reported.fetch_add(1, std::memory_order_relaxed);
  }
}

bool IsUngatedWrite(const Fault& fault) {
  return fault.kind == Fault::Kind::kWrite && g_engine->metadata_key() &&
         g_engine->FindMetadata(fault.address) != nullptr;
}

// Gives the interrupted thread its baseline rights back if it is for the lack of those that it
// could not read metadata.
bool TryRepair(const Fault& fault, ucontext_t* context) {
  const std::optional<arch::Pkey> key = g_engine->metadata_key();
  if (!fault.is_by_key || fault.kind != Fault::Kind::kRead || !key ||
      g_engine->FindMetadata(fault.address) == nullptr) {
    return false;
  }
  const std::optional<arch::Pkru> rights = os::InterruptedRights(*context);
  if (!rights || rights->AccessOf(*key) != arch::KeyAccess::kNone ||
      !os::SetInterruptedRights(context, keys::AtBaseline(*rights))) {
    return false;
  }
  const keys::Gate gate;
  g_repaired.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// Lets the instruction fault again with nobody left to catch it.
void EndAtThisFault() {
  struct sigaction fallback = {};
  fallback.sa_handler = SIG_DFL;
  __sigaction(SIGSEGV, &fallback, nullptr);
}

// Blocks what the program's handler would find blocked; the end of our handler unblocks it.
void BlockFor(const struct sigaction& action) {
  std::uint64_t blocked = 0;
  __builtin_memcpy(&blocked, &action.sa_mask, sizeof(blocked));
  if ((action.sa_flags & SA_NODEFER) == 0) {
    blocked |= std::uint64_t{1} << (SIGSEGV - 1);
  }
  static_cast<void>(os::Syscall(SYS_rt_sigprocmask, SIG_BLOCK, &blocked, 0, sizeof(blocked)));
}

// Lets the signal have the effect that it would have had without us.
void PassOn(int signal, siginfo_t* info, void* context) {
  const struct sigaction action = ProgramsFaultAction();
  if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
    if (info->si_code <= 0 && action.sa_handler == SIG_IGN) {
      return;
    }
    // The instruction faults again, now with the default action. A signal that somebody sent does
    // not come again by itself.
    EndAtThisFault();
    if (info->si_code <= 0) {
      raise(signal);
    }
    return;
  }
  if ((action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {
    const keys::Gate gate;
    SetProgramsFaultAction({});
  }
  BlockFor(action);
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(signal, info, context);
  } else {
    action.sa_handler(signal);
  }
}

void OnFault(int signal, siginfo_t* info, void* context) {
  // To look into metadata, which the kernel has closed for this handler.
  keys::RestoreBaseline();
  // Positive codes come from the kernel; anybody can send the signal with another.
  if (info->si_code > 0) {
    auto* interrupted = static_cast<ucontext_t*>(context);
    const Fault fault = FaultFrom(*info, *interrupted);
    if (TryRepair(fault, interrupted)) {
      return;
    }
    Report(fault);
    if (IsUngatedWrite(fault)) {
      const keys::Gate gate;
      g_ungated.fetch_add(1, std::memory_order_relaxed);
      EndAtThisFault();
      return;
    }
  }
  PassOn(signal, info, context);
}

// A write to metadata, or to what will be metadata.
bool DescribeMetadataFault(Engine& engine, const Fault& fault, TextWriter* out) {
  const MetadataPart* part = engine.FindMetadata(fault.address);
  const std::optional<arch::Pkey> key = engine.metadata_key();
  if (part == nullptr || !key || fault.kind == Fault::Kind::kFetch) {
    return false;
  }
  const bool is_write = fault.kind == Fault::Kind::kWrite;
  out->Append("pageward: ");
  out->Append(is_write ? pageward::NameOf(Violation::kMetadataWrite) : "read of metadata");
  out->Append(": ").Append(NameOf(fault.kind)).Append(" of ").AppendHex(fault.address.value());
  out->Append(", ").AppendDecimal(fault.address - part->range.begin).Append(" bytes into ");
  out->Append(part->name).Append("; protection key ").AppendDecimal(key->value());
  out->Append(is_write ? " is closed for writing outside the heap's gate" : " is closed");
  return true;
}

bool DescribeDomainFault(const Engine& engine, const Fault& fault, TextWriter* out) {
  const domain::Domains* domains = engine.domains();
  Text<160> whose;
  if (domains != nullptr) {
    domains->DescribeAddress(fault.address, &whose);
  }
  if (whose.view().empty()) {
    return false;
  }
  out->Append("pageward: closed memory: ").Append(NameOf(fault.kind)).Append(" of ");
  out->AppendHex(fault.address.value()).Append(", ").Append(whose.view());
  return true;
}

void AppendPlace(Engine& engine, const Fault& fault, TextWriter* out) {
  out->Append(" (code at ").AppendHex(fault.code.value()).Append(", thread ");
  out->AppendDecimal(engine.os().ThreadId()).Append(")");
}

}  // namespace

void DescribeFault(Engine& engine, const Fault& fault, TextWriter* out) {
  if (DescribeMetadataFault(engine, fault, out) || DescribeDomainFault(engine, fault, out)) {
    AppendPlace(engine, fault, out);
    return;
  }
  const space::PrivateZone& zone = engine.zone();
  if (!zone.range().Contains(fault.address)) {
    return;
  }
  const std::uint64_t offset = fault.address - zone.range().begin;
  const FrameNumber frame(static_cast<std::uint32_t>(offset >> kFrameBytesLog2));
  const bool is_freed = zone.IsGone(frame) || !engine.runs().RunContaining(fault.address);
  out->Append("pageward: ");
  out->Append(is_freed ? pageward::NameOf(Violation::kUseOfFreed) : "fault in the heap");
  out->Append(": ").Append(NameOf(fault.kind)).Append(" of ").AppendHex(fault.address.value());
  if (const std::optional<VirtRange> run = engine.runs().RunContaining(fault.address)) {
    out->Append(", in ").AppendBytes(run->bytes).Append(" at ").AppendHex(run->begin.value());
  } else if (const auto piece = engine.frames().Describe(frame)) {
    const VirtRange free = zone.AddressesOf(piece->piece);
    out->Append(", in ").AppendBytes(free.bytes).Append(" of free heap at ");
    out->AppendHex(free.begin.value());
  } else {
    out->Append(", which the heap has never used");
  }
  out->Append(is_freed          ? "; the memory was freed and is out of reach"
              : fault.is_by_key ? "; its protection key is closed"
                                : "");
  AppendPlace(engine, fault, out);
}

void InstallFaultReport(Engine& engine) {
  PW_ASSERT(g_engine == nullptr);
  g_engine = &engine;
  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  // On the program's alternate stack if it has one, so that a stack overflow is still its own.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  __sigaction(SIGSEGV, &action, &g_programs[0]);
  TakeOverFaultReport();
}

bool ReportsFaultsOfThisProcess() {
  return g_engine != nullptr &&
         g_process.load(std::memory_order_relaxed) == g_engine->os().ProcessId();
}

void TakeOverFaultReport() {
  if (g_engine != nullptr) {
    g_process.store(g_engine->os().ProcessId(), std::memory_order_relaxed);
  }
}

struct sigaction ProgramsFaultAction() {
  return g_programs[g_current.load(std::memory_order_acquire)];
}

void SetProgramsFaultAction(const struct sigaction& action) {
  const unsigned next = 1 - g_current.load(std::memory_order_relaxed);
  g_programs[next] = action;
  g_current.store(next, std::memory_order_release);
}

std::uint64_t ReportedFaults() {
  return g_reported.load(std::memory_order_relaxed);
}

std::uint64_t RepairedFaults() {
  return g_repaired.load(std::memory_order_relaxed);
}

std::uint64_t UngatedWrites() {
  return g_ungated.load(std::memory_order_relaxed);
}

}  // namespace pageward::engine
