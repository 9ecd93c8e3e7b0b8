// Which of jemalloc's options we set, which the user may, and which we overrule.
//
// jemalloc reads options from its own default, /etc/malloc.conf and MALLOC_CONF, in this order, and
// last from a string that only the program itself can set. That last string is ours: it fixes what
// the hooks assume. What the user asked for against it is named in one line, once.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/core/result.h"
#include "runtime/core/text.h"

namespace pageward::hooks {

/// What became of jemalloc's options.
struct JemallocOptions {
  /// Options that act on each call are on (profiling, junk, zeroing), or caches were switched off:
  /// our thread caches would hide the calls.
  bool bypasses_caches = false;
  /// The number of arenas that the user asked for, or 0.
  std::uint32_t arenas = 0;
};

/// Texts of options, the later ones over the earlier ones. Any may be empty.
struct JemallocTexts {
  std::string_view program;  ///< The variable malloc_conf of a program.
  std::string_view system;   ///< What /etc/malloc.conf points to.
  std::string_view user;     ///< The environment variable MALLOC_CONF.
};

/// Freed extents go at once instead of after a decay time: what jemalloc shall be told for it.
enum class Decay : std::uint8_t { kAsConfigured, kAtOnce };

/// Configures jemalloc and lets it start. Requires: nobody has called it before.
///
/// What the texts say against our assumptions is listed in `warning`, as one line without its end.
/// Dies with Violation::kInvariant if jemalloc starts with other options than it was given.
JemallocOptions StartJemalloc(const JemallocTexts& texts, Decay decay, TextWriter* warning);

/// Returns the value that `conf` gives the option `name` last, or an empty text. For tests as well.
std::string_view ValueIn(std::string_view conf, std::string_view name);

}  // namespace pageward::hooks
