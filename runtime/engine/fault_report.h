// What a crash says when the address is ours.
//
// A fault inside the heap's zone, at memory that has been freed, is reported in one line before it
// takes its course: the program's own handler, if it had one before us, or the default action with
// its core dump. Other faults pass through untouched.
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

/// Number of faults that have been reported.
std::uint64_t ReportedFaults();

}  // namespace pageward::engine
