// One line of what `perf script` or `trace-cmd report` print, as far as it concerns pages.
//
// Events and their fields are those of the kernel's trace/events/kmem.h, from 4.2 on: there
// migratetypes got the numbers that they have. Both tools, and the kernel's own trace file, put a
// processor in brackets somewhere before the event's name, and `key=value` behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/frame/freetype.h"
#include "tools/pageward/import/gfp_flags.h"

namespace pageward::tool {

enum class KmemKind : std::uint8_t {
  kAllocated,     ///< mm_page_alloc
  kFreed,         ///< mm_page_free
  kFreedInBatch,  ///< mm_page_free_batched, which comes beside mm_page_free and not instead of it.
  kFellBack,      ///< mm_page_alloc_extfrag
};

/// One event of the traced kernel.
struct KmemEvent {
  KmemKind kind = KmemKind::kAllocated;
  std::uint64_t pfn = 0;
  unsigned order = 0;
  std::optional<unsigned> cpu{};
  // Of kAllocated.
  bool has_failed = false;  ///< The kernel had no page.
  frame::Mobility mobility = frame::Mobility::kUnmovable;
  GfpFlags gfp{};
  bool has_gfp_number = false;  ///< Flags came as a number.
  // Of kFellBack.
  bool is_fragmenting = false;
  bool changes_ownership = false;

  friend bool operator==(const KmemEvent&, const KmemEvent&) = default;
};

/// Who printed a line with an event.
enum class TraceStyle : std::uint8_t {
  kPerf,      ///< perf script: names have the group in front of them.
  kTraceCmd,  ///< trace-cmd report, or the kernel's trace file.
};

enum class LineKind : std::uint8_t {
  kKmem,
  kOtherEvent,
  kNoEvent,     ///< A heading, a comment, a frame of a call chain.
  kLost,        ///< The tracer says that it lost something.
  kUnreadable,  ///< Begins as a page event and does not go on like one.
};

struct KmemLine {
  LineKind kind = LineKind::kNoEvent;
  TraceStyle style = TraceStyle::kPerf;  ///< Of kKmem.
  KmemEvent event{};                     ///< Of kKmem.
  std::uint64_t lost = 0;                ///< Of kLost, if it says how many.
};

/// The largest numbers that a line may have; beyond them it is unreadable.
inline constexpr unsigned kMostKmemOrder = 18;  // 1 GiB, as here; kernels have 10.
inline constexpr std::uint64_t kMostPfn = std::uint64_t{1} << 40;  // 52 bits of address.
inline constexpr unsigned kMostCpu = 8191;

/// Reads one line, without its end. Any bytes may be in it.
KmemLine ParseKmemLine(std::string_view line);

/// Reads a migratetype: the kernel's number or its name, with or without MIGRATE_.
std::optional<frame::Mobility> ParseMigrateType(std::string_view text);

}  // namespace pageward::tool
