// Recorded traffic as bytes: a header, records of 32 bytes, an end record. docs/trace.md describes
// it for other programs.
//
// All numbers are little-endian. The end record holds a checksum of everything before it, so that a
// file that was cut off, damaged or never a trace is told from a whole one.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "runtime/core/units.h"
#include "runtime/extent/run_observer.h"

namespace pageward::trace {

static_assert(std::endian::native == std::endian::little, "traces are written as they are");

/// The first bytes of every trace. The first of them is in no text.
inline constexpr std::array<char, 8> kMagic = {'\x8e', 'P', 'W', 't', 'r', 'a', 'c', 'e'};
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kHeaderBytes = 128;
inline constexpr std::size_t kRecordBytes = 32;
/// 1 TiB: no zone is larger.
inline constexpr std::uint64_t kMostFrames = std::uint64_t{1} << 28;

/// What a trace says about the program and the machine.
struct TraceFacts {
  static constexpr std::size_t kMostName = 63;

  std::uint64_t zone_frames = 0;
  std::uint32_t process = 0;
  std::uint32_t processors = 0;
  std::array<char, kMostName + 1> program{};  ///< Ends with a zero.

  std::string_view program_name() const { return std::string_view(program.data()); }
  /// Keeps what fits of `name`.
  void SetProgram(std::string_view name);
};

/// One event with its time and thread.
struct TraceEvent {
  std::uint64_t time_ns = 0;  ///< Since recording began.
  std::uint32_t thread = 0;   ///< In the order of their first events, from 0.
  extent::RunEvent run;

  friend constexpr bool operator==(const TraceEvent&, const TraceEvent&) = default;
};

/// How a recording ended.
enum class TraceEnding : std::uint8_t {
  kByProgram,  ///< The program ended by itself.
  kCut,        ///< It was killed, or left without a word: somebody else added the end.
};

/// The last record.
struct TraceEnd {
  std::uint64_t time_ns = 0;
  std::uint64_t events = 0;
  TraceEnding ending = TraceEnding::kByProgram;

  friend constexpr bool operator==(const TraceEnd&, const TraceEnd&) = default;
};

/// A checksum of words. Every step can be undone, so that a change of one word never goes unseen.
class Checksum {
 public:
  /// Requires: the length is a multiple of 8.
  void Add(std::span<const std::byte> bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, sizeof(word));
      AddWord(word);
    }
  }
  void AddWord(std::uint64_t word) {
    // An odd factor, 2^64 divided by the golden ratio: multiplying by it is a permutation.
    value_ = std::rotl((value_ ^ word) * 0x9e37'79b9'7f4a'7c15, 29);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = kFormatVersion;
};

using HeaderBytes = std::array<std::byte, kHeaderBytes>;
using RecordBytes = std::array<std::byte, kRecordBytes>;

/// What is wrong with bytes that are taken for a trace.
enum class TraceFault : std::uint8_t {
  kNone,
  kForeign,        ///< They are something else.
  kOtherVersion,   ///< A version that this program does not know.
  kHeaderDamaged,  ///< Begins as a trace does, with nonsense behind.
  kUnfinished,     ///< There is no end record: cut off, or still being written.
  kDamaged,        ///< The checksum is that of other bytes.
  kNonsense,       ///< A record that no recorder writes.
};

/// Returns one line about `fault`, to be put behind the name of a file.
std::string_view NameOf(TraceFault fault);

HeaderBytes EncodeHeader(const TraceFacts& facts);
/// Returns what is wrong with the first kHeaderBytes of `bytes`, of which there may be fewer.
TraceFault DecodeHeader(std::span<const std::byte> bytes, TraceFacts* facts);

RecordBytes EncodeEvent(const TraceEvent& event);
/// Returns false if `bytes` is no event of a zone of `zone_frames` frames.
[[nodiscard]] bool DecodeEvent(std::span<const std::byte, kRecordBytes> bytes,
                               std::uint64_t zone_frames, TraceEvent* event);

/// `before` has what the file holds before the end record.
RecordBytes EncodeEnd(const TraceEnd& end, Checksum before);
/// Whether `bytes` claims to be an end record.
bool IsEnd(std::span<const std::byte, kRecordBytes> bytes);
/// Returns false if the checksum is not the one of `before` and the end record itself.
[[nodiscard]] bool DecodeEnd(std::span<const std::byte, kRecordBytes> bytes, Checksum before,
                             TraceEnd* end);

}  // namespace pageward::trace
