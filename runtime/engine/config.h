// What the user chose: PAGEWARD_CONF=key:value,key:value and /etc/pageward.conf.
//
// One table in config.cc names each key, its values and what it does. An unknown key or a bad value
// is an error that names the nearest known one, never a guess.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/core/text.h"
#include "runtime/engine/tier.h"

namespace pageward::engine {

enum class Profile : std::uint8_t {
  kStandard,  ///< Freed memory goes when it is purged.
  kStrict,    ///< Freed memory goes at once and waits in a quarantine.
  kCompat,    ///< As standard, but tolerates what stricter profiles die of. Weaker.
  kOff,       ///< Pageward steps aside: the heap works, nothing is put out of reach.
};

/// When a report is written to standard error.
enum class ReportAt : std::uint8_t { kNever, kExit };

/// By what means freed ranges below a pageblock leave; kBest is what the kernel has.
enum class FreedBy : std::uint8_t { kBest, kGuard, kProtection, kPageblock };

/// Where the leaves of the frame table lie; kBest is in keyed pageblocks where there are keys.
enum class LeavesIn : std::uint8_t { kBest, kPageblocks, kTable };

/// What the program's page traffic happens on: host memory, or a simulated kernel as well.
enum class SpaceKind : std::uint8_t { kHost, kSim };

/// Who serves sodium_malloc() and its family.
enum class SodiumMode : std::uint8_t {
  kDefault,  ///< The guarded heap, by libsodium's contract.
  kOff,      ///< libsodium itself.
};

struct Config {
  Profile profile = Profile::kStandard;
  ReportAt report = ReportAt::kNever;
  FreedBy freed_by = FreedBy::kBest;
  LeavesIn leaves_in = LeavesIn::kBest;
  bool uses_keys = true;
  bool uses_guards = true;
  bool uses_huge_pages = true;
  bool uses_secretmem = true;
  std::uint64_t zone_bytes = std::uint64_t{1} << 40;
  std::uint64_t quarantine_bytes = std::uint64_t{16} << 20;
  std::uint32_t arenas = 0;  ///< 0: by the number of processors
  SpaceKind space = SpaceKind::kHost;
  /// Where page traffic is recorded to; empty: nowhere. A part of the text that was read.
  std::string_view record_path{};
  SodiumMode sodium = SodiumMode::kDefault;
  Tiers required;
};

/// Reads one text of settings into `config`, which keeps what the text does not name.
///
/// Returns false after writing one line about the first mistake to `complaint`, without a line end;
/// `config` may hold a part of the settings then. Never allocates.
[[nodiscard]] bool ParseConfig(std::string_view text, Config* config, TextWriter* complaint);

/// Reads the part of a configuration file that applies to `program`: the lines before the first
/// section and those in its own. Sections are `[name]`; lines are `key: value`, `#` starts a
/// comment.
///
/// Returns as ParseConfig(); the complaint names the line.
[[nodiscard]] bool ParseConfigFile(std::string_view text, std::string_view program, Config* config,
                                   TextWriter* complaint);

/// Writes a line about each key.
void DescribeKeys(TextWriter* out);

}  // namespace pageward::engine
