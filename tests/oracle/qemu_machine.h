// QEMU's MMU as a machine that performs programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/ptable/mmu_program.h"

namespace pageward::oracle {

/// A run of a program, or the reason why there is none.
struct QemuRun {
  std::string error;  ///< One line; empty if it went well.
  testing_support::MmuRun run;

  bool ok() const { return error.empty(); }
};

/// Whether flushes are added that QEMU needs and a processor does not: it looks up keys when it
/// caches a translation, and keeps that when MOV to CR4 changes whether they matter.
enum class MissingFlushes : std::uint8_t { kAdded, kLeftOut };

/// Returns why a program can't be performed, in one line, or nothing: RAM that does not fit, or a
/// top table without a free entry for the oracle.
std::optional<std::string> WhyNotOnQemu(const testing_support::MmuProgram& program);

/// Performs all of a program in one run of QEMU.
///
/// It has no PCIDs: what MOV to CR3 would keep is flushed, and so is everything by INVPCID. More is
/// flushed than the program asks for, but never less.
///
/// Requires: WhyNoQemu() has no reason.
QemuRun RunOnQemu(const testing_support::MmuProgram& program,
                  MissingFlushes missing_flushes = MissingFlushes::kAdded);

}  // namespace pageward::oracle
