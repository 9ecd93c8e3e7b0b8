// The one way to die.
//
// A violation is evidence of corruption or misuse, never of a lack of something. It ends the
// process with one line on standard error that names what was violated and by which object, and
// abort(). Nothing here allocates or takes a lock, because the state of the heap is what is in
// doubt. Every violation has a row in docs/INVARIANTS.md and a death test.
#pragma once

#include <cstdint>
#include <string_view>

namespace pageward {

enum class Violation : std::uint8_t {
  // Found in our own code.
  kAssertion,        ///< A caller inside Pageward broke a contract.
  kInvariant,        ///< A structure disagrees with itself.
  kLockOrder,        ///< A lock was taken against the order of ranks, or given back by a stranger.
  kUnexpectedErrno,  ///< A system call failed in a way that is no answer.

  // Found in what the program, or jemalloc on its behalf, asks for.
  kDoubleFree,       ///< An object was given back twice.
  kForeignPointer,   ///< A pointer that the heap never handed out was given to it.
  kInteriorPointer,  ///< A pointer into an object, not to its start, was given to the heap.
  kCanary,           ///< Something was written before a guarded object.
  kRunMismatch,      ///< Frames were freed, split or merged that are no run.
  kForeignFrame,     ///< A frame outside the zone was named.
  kUnknownFlags,     ///< A request carried flags that do not exist.
  kUseOfFreed,       ///< Memory that has been given back was touched.
  kMetadataWrite,    ///< Metadata was written from outside the gate.

  // Found in page-table pages and protection.
  kFreetype,    ///< A frame is on the list of another freetype.
  kProtection,  ///< A protection that is claimed does not act.
};

inline constexpr unsigned kViolationCount = static_cast<unsigned>(Violation::kProtection) + 1;

/// Returns the short name that starts each report, such as "double free".
std::string_view NameOf(Violation violation);

/// Writes `pageward: <name>: <message>` and a line end to standard error and aborts.
///
/// Never allocates, takes no lock, and is safe if it is reached again from within itself: the
/// second time it only aborts.
[[noreturn]] void Fatal(Violation violation, std::string_view message);

/// What the checks of check.h end in. `object` is what was found wanting: an address, a frame
/// number, an errno; it is printed in hexadecimal.
[[noreturn, gnu::cold]] void FailCheck(Violation violation, const char* condition, const char* file,
                                       int line, std::uint64_t object);

/// A last word for a report: called once by Fatal() after its line has been written, with the
/// same rules (no allocation, no locks). The engine registers its flight recorder here.
using FatalHook = void (*)(Violation violation);
void SetFatalHook(FatalHook hook);

}  // namespace pageward
