// What a crash says when the address is ours.
//
// A fault inside the heap's zone, at memory that has been freed, or at memory of a domain that this
// thread has no window on, is reported in one line before it takes its course: the program's own
// handler, if it had one before us, or the default action with its core dump. Other faults pass
// through untouched.
//
// A write to closed metadata is reported too, and is the end: the program's handler is not asked,
// since what it would go on with is a heap that somebody wanted to change. A read of metadata by a
// thread that has lost its baseline rights (it has left a signal handler by a jump, or is in one)
// gets them back and goes on; no other right is ever given.
#pragma once

#include <csignal>

#include "runtime/engine/engine.h"

namespace pageward::engine {

/// What the processor says about a fault.
struct Fault {
  enum class Kind : std::uint8_t { kRead, kWrite, kFetch };

  VirtAddr address;
  VirtAddr code;  ///< Of the instruction.
  Kind kind = Kind::kRead;
  bool is_by_key = false;  ///< A protection key refused it.
};

/// Writes what `fault` touched, as one line without its end, or nothing if it is not ours to say.
/// Async-signal-safe.
void DescribeFault(Engine& engine, const Fault& fault, TextWriter* out);

/// Starts to report faults of `engine`'s memory. Once.
void InstallFaultReport(Engine& engine);

/// Returns whether faults are reported here, in the process that started it or a child that took it
/// over (TakeOverFaultReport()).
bool ReportsFaultsOfThisProcess();
/// In a fork child.
void TakeOverFaultReport();

/// What the program wants done about SIGSEGV: comes after the report. Set by whoever stands between
/// the program and sigaction(2); a fault of another thread at the same time sees the one or the
/// other.
struct sigaction ProgramsFaultAction();
void SetProgramsFaultAction(const struct sigaction& action);

/// Number of faults that have been reported.
std::uint64_t ReportedFaults();

/// Number of threads' baselines that have been given back.
std::uint64_t RepairedFaults();
/// Number of writes to metadata from outside the gate. The first one ends the process.
std::uint64_t UngatedWrites();

}  // namespace pageward::engine
