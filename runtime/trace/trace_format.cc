#include "runtime/trace/trace_format.h"

namespace pageward::trace {

using extent::kRunEventKindCount;
using extent::RunEvent;
using extent::RunEventKind;
using extent::RunOutcome;

namespace {

// Offsets of docs/trace.md.
struct InHeader {
  static constexpr std::size_t kVersionAt = 8;
  static constexpr std::size_t kHeaderBytesAt = 12;
  static constexpr std::size_t kRecordBytesAt = 16;
  static constexpr std::size_t kFrameBytesAt = 20;
  static constexpr std::size_t kZoneFramesAt = 24;
  static constexpr std::size_t kProcessAt = 32;
  static constexpr std::size_t kProcessorsAt = 36;
  static constexpr std::size_t kProgramAt = 40;
  static constexpr std::size_t kZeroAt = kProgramAt + TraceFacts::kMostName + 1;
  static constexpr std::size_t kChecksumAt = kHeaderBytes - 8;
};

struct InRecord {
  static constexpr std::size_t kTimeAt = 0;
  static constexpr std::size_t kFirstAt = 8;
  static constexpr std::size_t kCountAt = 12;
  static constexpr std::size_t kLowerAt = 16;
  static constexpr std::size_t kThreadAt = 20;
  static constexpr std::size_t kKindAt = 24;
  static constexpr std::size_t kAlignmentAt = 25;
  static constexpr std::size_t kOutcomeAt = 26;
  static constexpr std::size_t kZeroAt = 27;
  // Of the end record.
  static constexpr std::size_t kEventsAt = 8;
  static constexpr std::size_t kChecksumAt = 16;
  static constexpr std::size_t kEndingAt = 25;
  static constexpr std::size_t kEndZeroAt = 26;
};

constexpr std::uint8_t kEndKind = 0xff;
// Kinds count from 1, so that what was not written as a whole is no event.
constexpr std::uint8_t kFirstKind = 1;

template <typename Number>
void Put(std::span<std::byte> bytes, std::size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof(number));
}

template <typename Number>
Number Get(std::span<const std::byte> bytes, std::size_t at) {
  Number number{};
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

bool IsZero(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    if (byte != std::byte{0}) {
      return false;
    }
  }
  return true;
}

std::uint64_t SumOf(std::span<const std::byte> bytes) {
  Checksum sum;
  sum.Add(bytes);
  return sum.value();
}

// Whether `run` is something that an allocator of runs can say of a zone of so many frames.
bool IsSensible(const RunEvent& run, std::uint64_t zone_frames) {
  const std::uint64_t first = run.frames.begin.value;
  const std::uint64_t count = run.frames.count.value;
  const bool is_cut = run.kind == RunEventKind::kSplit || run.kind == RunEventKind::kMerged;
  if (run.kind == RunEventKind::kAllocated && run.outcome == RunOutcome::kRefused) {
    return first == 0 && count > 0 && run.lower.value == 0;
  }
  return count > 0 && first + count <= zone_frames &&
         (is_cut ? run.lower.value > 0 && run.lower.value < count : run.lower.value == 0) &&
         (run.kind == RunEventKind::kAllocated || run.alignment == Order());
}

}  // namespace

void TraceFacts::SetProgram(std::string_view name) {
  program = {};
  const std::size_t length = name.size() < kMostName ? name.size() : kMostName;
  std::memcpy(program.data(), name.data(), length);
}

std::string_view NameOf(TraceFault fault) {
  switch (fault) {
    case TraceFault::kNone:
      return "is a trace";
    case TraceFault::kForeign:
      return "is no trace of a program";
    case TraceFault::kOtherVersion:
      return "is a trace of another version";
    case TraceFault::kHeaderDamaged:
      return "begins like a trace and is damaged at once";
    case TraceFault::kUnfinished:
      return "is not finished: it was cut off, or its program still runs or was killed";
    case TraceFault::kDamaged:
      return "is damaged: its checksum does not fit";
    case TraceFault::kNonsense:
      break;
  }
  return "is damaged: it has a record that makes no sense";
}

// --- Header --------------------------------------------------------------------------------------

HeaderBytes EncodeHeader(const TraceFacts& facts) {
  HeaderBytes bytes{};
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  Put(bytes, InHeader::kVersionAt, kFormatVersion);
  Put(bytes, InHeader::kHeaderBytesAt, static_cast<std::uint32_t>(kHeaderBytes));
  Put(bytes, InHeader::kRecordBytesAt, static_cast<std::uint32_t>(kRecordBytes));
  Put(bytes, InHeader::kFrameBytesAt, static_cast<std::uint32_t>(kFrameBytes));
  Put(bytes, InHeader::kZoneFramesAt, facts.zone_frames);
  Put(bytes, InHeader::kProcessAt, facts.process);
  Put(bytes, InHeader::kProcessorsAt, facts.processors);
  std::memcpy(bytes.data() + InHeader::kProgramAt, facts.program.data(), facts.program.size());
  Put(bytes, InHeader::kChecksumAt, SumOf(std::span(bytes).first(InHeader::kChecksumAt)));
  return bytes;
}

TraceFault DecodeHeader(std::span<const std::byte> bytes, TraceFacts* facts) {
  if (bytes.size() < kMagic.size() ||
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return TraceFault::kForeign;
  }
  if (bytes.size() < kHeaderBytes) {
    return TraceFault::kUnfinished;
  }
  if (Get<std::uint32_t>(bytes, InHeader::kVersionAt) != kFormatVersion) {
    return TraceFault::kOtherVersion;
  }
  const bool is_layout_known =
      Get<std::uint32_t>(bytes, InHeader::kHeaderBytesAt) == kHeaderBytes &&
      Get<std::uint32_t>(bytes, InHeader::kRecordBytesAt) == kRecordBytes &&
      Get<std::uint32_t>(bytes, InHeader::kFrameBytesAt) == kFrameBytes &&
      IsZero(bytes.subspan(InHeader::kZeroAt, InHeader::kChecksumAt - InHeader::kZeroAt));
  const auto sum = Get<std::uint64_t>(bytes, InHeader::kChecksumAt);
  facts->zone_frames = Get<std::uint64_t>(bytes, InHeader::kZoneFramesAt);
  facts->process = Get<std::uint32_t>(bytes, InHeader::kProcessAt);
  facts->processors = Get<std::uint32_t>(bytes, InHeader::kProcessorsAt);
  std::memcpy(facts->program.data(), bytes.data() + InHeader::kProgramAt, facts->program.size());
  const bool is_sensible =
      facts->zone_frames > 0 && facts->zone_frames <= kMostFrames && facts->program.back() == '\0';
  return is_layout_known && is_sensible && sum == SumOf(bytes.first(InHeader::kChecksumAt))
             ? TraceFault::kNone
             : TraceFault::kHeaderDamaged;
}

// --- Records -------------------------------------------------------------------------------------

RecordBytes EncodeEvent(const TraceEvent& event) {
  RecordBytes bytes{};
  Put(bytes, InRecord::kTimeAt, event.time_ns);
  Put(bytes, InRecord::kFirstAt, event.run.frames.begin.value);
  Put(bytes, InRecord::kCountAt, event.run.frames.count.value);
  Put(bytes, InRecord::kLowerAt, event.run.lower.value);
  Put(bytes, InRecord::kThreadAt, event.thread);
  Put(bytes, InRecord::kKindAt,
      static_cast<std::uint8_t>(kFirstKind + static_cast<unsigned>(event.run.kind)));
  Put(bytes, InRecord::kAlignmentAt, static_cast<std::uint8_t>(event.run.alignment.value()));
  Put(bytes, InRecord::kOutcomeAt, static_cast<std::uint8_t>(event.run.outcome));
  return bytes;
}

bool DecodeEvent(std::span<const std::byte, kRecordBytes> bytes, std::uint64_t zone_frames,
                 TraceEvent* event) {
  const auto kind = Get<std::uint8_t>(bytes, InRecord::kKindAt);
  const auto alignment = Get<std::uint8_t>(bytes, InRecord::kAlignmentAt);
  const auto outcome = Get<std::uint8_t>(bytes, InRecord::kOutcomeAt);
  if (kind < kFirstKind || kind >= kFirstKind + kRunEventKindCount ||
      alignment > kMaxOrder.value() || outcome > static_cast<std::uint8_t>(RunOutcome::kRefused) ||
      !IsZero(bytes.subspan(InRecord::kZeroAt))) {
    return false;
  }
  event->time_ns = Get<std::uint64_t>(bytes, InRecord::kTimeAt);
  event->thread = Get<std::uint32_t>(bytes, InRecord::kThreadAt);
  event->run = RunEvent{static_cast<RunEventKind>(kind - kFirstKind),
                        static_cast<RunOutcome>(outcome), Order(alignment),
                        FrameRange{FrameNumber(Get<std::uint32_t>(bytes, InRecord::kFirstAt)),
                                   FrameCount(Get<std::uint32_t>(bytes, InRecord::kCountAt))},
                        FrameCount(Get<std::uint32_t>(bytes, InRecord::kLowerAt))};
  return IsSensible(event->run, zone_frames);
}

RecordBytes EncodeEnd(const TraceEnd& end, Checksum before) {
  RecordBytes bytes{};
  Put(bytes, InRecord::kTimeAt, end.time_ns);
  Put(bytes, InRecord::kEventsAt, end.events);
  Put(bytes, InRecord::kKindAt, kEndKind);
  Put(bytes, InRecord::kEndingAt, static_cast<std::uint8_t>(end.ending));
  // The place of the checksum counts as zero.
  before.Add(bytes);
  Put(bytes, InRecord::kChecksumAt, before.value());
  return bytes;
}

bool IsEnd(std::span<const std::byte, kRecordBytes> bytes) {
  return Get<std::uint8_t>(bytes, InRecord::kKindAt) == kEndKind;
}

bool DecodeEnd(std::span<const std::byte, kRecordBytes> bytes, Checksum before, TraceEnd* end) {
  const auto ending = Get<std::uint8_t>(bytes, InRecord::kEndingAt);
  if (!IsEnd(bytes) || ending > static_cast<std::uint8_t>(TraceEnding::kCut) ||
      !IsZero(bytes.subspan(InRecord::kEndZeroAt))) {
    return false;
  }
  *end = TraceEnd{Get<std::uint64_t>(bytes, InRecord::kTimeAt),
                  Get<std::uint64_t>(bytes, InRecord::kEventsAt), static_cast<TraceEnding>(ending)};
  const RecordBytes expected = EncodeEnd(*end, before);
  return std::memcmp(expected.data(), bytes.data(), kRecordBytes) == 0;
}

}  // namespace pageward::trace
