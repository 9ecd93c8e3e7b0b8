// The emulator as a process: whether it is there, and one run of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/oracle/memory_file.h"

namespace pageward::oracle {

/// Returns why there is no oracle on this machine, or nothing if there is one. Asked once.
std::optional<std::string> WhyNoQemu();

struct QemuJob {
  const MemoryFile& ram;
  const MemoryFile& rom;
  unsigned phys_bits = 40;
  unsigned deadline_seconds = 60;
};

/// Runs the emulator's interpreter (TCG) over the file as RAM, until the guest says that it is
/// done.
///
/// Returns what went wrong, in one line, or nothing.
std::optional<std::string> RunQemu(const QemuJob& job);

}  // namespace pageward::oracle
