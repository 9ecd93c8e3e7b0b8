#include "runtime/trace/trace_format.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/trace/traffic.h"

namespace pageward::trace {
namespace {

using extent::RunEvent;
using extent::RunEventKind;
using extent::RunOutcome;
using testing_support::FactsOf;

constexpr std::uint64_t kZone = 4096;

TraceEvent Event(RunEventKind kind, std::uint32_t first, std::uint32_t count,
                 std::uint32_t lower = 0, RunOutcome outcome = RunOutcome::kDone) {
  return TraceEvent{123'456'789'012, 7,
                    RunEvent{kind, outcome, Order(),
                             FrameRange{FrameNumber(first), FrameCount(count)}, FrameCount(lower)}};
}

bool Decodes(const TraceEvent& event) {
  TraceEvent decoded;
  return DecodeEvent(EncodeEvent(event), kZone, &decoded);
}

TEST(TraceFormatTest, AHeaderComesBackAsItWas) {
  TraceFacts facts = FactsOf(kMostFrames);
  facts.SetProgram("redis-server");
  TraceFacts decoded;
  ASSERT_EQ(DecodeHeader(EncodeHeader(facts), &decoded), TraceFault::kNone);
  EXPECT_EQ(decoded.zone_frames, kMostFrames);
  EXPECT_EQ(decoded.process, facts.process);
  EXPECT_EQ(decoded.processors, facts.processors);
  EXPECT_EQ(decoded.program_name(), "redis-server");
}

TEST(TraceFormatTest, ALongNameIsCut) {
  TraceFacts facts;
  facts.SetProgram(std::string(200, 'x'));
  EXPECT_EQ(facts.program_name(), std::string(TraceFacts::kMostName, 'x'));
}

TEST(TraceFormatTest, TheLayoutIsTheDocumentedOne) {
  const HeaderBytes header = EncodeHeader(FactsOf(0x01020304));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(header.data()), 8), "\x8ePWtrace");
  const std::array<std::uint8_t, 24> numbers = {1, 0,  0, 0, 128, 0, 0, 0, 32, 0, 0, 0,
                                                0, 16, 0, 0, 4,   3, 2, 1, 0,  0, 0, 0};
  EXPECT_EQ(std::memcmp(header.data() + 8, numbers.data(), numbers.size()), 0);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(header.data() + 40)), "program");

  TraceEvent event = Event(RunEventKind::kSplit, 0x0b0a, 0x0d, 3, RunOutcome::kRefused);
  event.time_ns = 0x1122;
  const RecordBytes record = EncodeEvent(event);
  const std::array<std::uint8_t, kRecordBytes> expected = {
      0x22, 0x11, 0, 0, 0, 0, 0, 0, 0x0a, 0x0b, 0, 0, 0x0d, 0, 0, 0,
      3,    0,    0, 0, 7, 0, 0, 0, 4,    0,    1, 0, 0,    0, 0, 0};
  EXPECT_EQ(std::memcmp(record.data(), expected.data(), kRecordBytes), 0);
}

TEST(TraceFormatTest, EveryKindOfEventComesBackAsItWas) {
  std::set<RunEventKind> kinds;
  for (TraceEvent event : testing_support::RandomTraffic(1, 2000)) {
    event.run.alignment = event.run.kind == RunEventKind::kAllocated ? Order(3) : Order();
    TraceEvent decoded;
    ASSERT_TRUE(DecodeEvent(EncodeEvent(event), kZone, &decoded));
    ASSERT_EQ(decoded, event);
    kinds.insert(event.run.kind);
  }
  EXPECT_EQ(kinds.size(), extent::kRunEventKindCount);
}

TEST(TraceFormatTest, ForeignBytesAreToldFromDamagedOnes) {
  HeaderBytes header = EncodeHeader(FactsOf());
  TraceFacts facts;
  EXPECT_EQ(DecodeHeader({}, &facts), TraceFault::kForeign);
  EXPECT_EQ(DecodeHeader(std::span(header).first(7), &facts), TraceFault::kForeign);
  EXPECT_EQ(DecodeHeader(std::span(header).first(8), &facts), TraceFault::kUnfinished);
  HeaderBytes newer = header;
  newer[8] = std::byte{2};
  EXPECT_EQ(DecodeHeader(newer, &facts), TraceFault::kOtherVersion);
  header[3] = std::byte{'x'};
  EXPECT_EQ(DecodeHeader(header, &facts), TraceFault::kForeign);
}

TEST(TraceFormatTest, NoBitOfAHeaderChangesUnseen) {
  const HeaderBytes header = EncodeHeader(FactsOf());
  for (std::size_t bit = 0; bit < 8 * kHeaderBytes; ++bit) {
    HeaderBytes changed = header;
    changed[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    TraceFacts facts;
    EXPECT_NE(DecodeHeader(changed, &facts), TraceFault::kNone) << bit;
  }
}

TEST(TraceFormatTest, AZoneThatCannotBeIsRefused) {
  TraceFacts facts;
  EXPECT_EQ(DecodeHeader(EncodeHeader(FactsOf(0)), &facts), TraceFault::kHeaderDamaged);
  EXPECT_EQ(DecodeHeader(EncodeHeader(FactsOf(kMostFrames + 1)), &facts),
            TraceFault::kHeaderDamaged);
}

TEST(TraceFormatTest, EventsThatNoAllocatorTellsAreRefused) {
  EXPECT_TRUE(Decodes(Event(RunEventKind::kFreed, kZone - 1, 1)));
  EXPECT_FALSE(Decodes(Event(RunEventKind::kFreed, kZone, 1))) << "outside of the zone";
  EXPECT_FALSE(Decodes(Event(RunEventKind::kFreed, kZone - 1, 2)));
  EXPECT_FALSE(Decodes(Event(RunEventKind::kFreed, 2, ~0u))) << "a sum that wraps";
  EXPECT_FALSE(Decodes(Event(RunEventKind::kFreed, 1, 0))) << "of no frames";
  EXPECT_FALSE(Decodes(Event(RunEventKind::kFreed, 1, 3, 1))) << "a cut without a cut";
  EXPECT_FALSE(Decodes(Event(RunEventKind::kSplit, 1, 3, 0)));
  EXPECT_FALSE(Decodes(Event(RunEventKind::kMerged, 1, 3, 3)));
  const auto refused = RunOutcome::kRefused;
  EXPECT_TRUE(Decodes(Event(RunEventKind::kAllocated, 0, 1u << 31, 0, refused)));
  EXPECT_FALSE(Decodes(Event(RunEventKind::kAllocated, 1, 1, 0, refused)));
  TraceEvent aligned = Event(RunEventKind::kGrown, 1, 1);
  aligned.run.alignment = Order(1);
  EXPECT_FALSE(Decodes(aligned));
}

TEST(TraceFormatTest, BytesThatNoRecorderWritesAreRefused) {
  for (const auto& [at, value] :
       {std::pair{24, 0}, {24, 8}, {24, 254}, {25, 19}, {26, 2}, {27, 1}, {31, 1}}) {
    RecordBytes bytes = EncodeEvent(Event(RunEventKind::kAllocated, 1, 1));
    bytes[static_cast<std::size_t>(at)] = static_cast<std::byte>(value);
    TraceEvent event;
    EXPECT_FALSE(DecodeEvent(bytes, kZone, &event)) << at << " " << value;
  }
}

TEST(TraceFormatTest, TheEndComesBackAndNoBitOfItChangesUnseen) {
  Checksum before;
  before.AddWord(99);
  const TraceEnd end{.time_ns = 5, .events = 17, .ending = TraceEnding::kCut};
  const RecordBytes bytes = EncodeEnd(end, before);
  TraceEnd decoded;
  ASSERT_TRUE(IsEnd(bytes));
  ASSERT_TRUE(DecodeEnd(bytes, before, &decoded));
  EXPECT_EQ(decoded, end);
  EXPECT_FALSE(DecodeEnd(bytes, Checksum(), &decoded)) << "of other bytes";
  for (std::size_t bit = 0; bit < 8 * kRecordBytes; ++bit) {
    RecordBytes changed = bytes;
    changed[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_FALSE(DecodeEnd(changed, before, &decoded)) << bit;
  }
}

TEST(TraceFormatTest, TheChecksumSeesWordsThatChangePlaces) {
  Checksum one;
  one.AddWord(1);
  one.AddWord(2);
  Checksum other;
  other.AddWord(2);
  other.AddWord(1);
  EXPECT_NE(one.value(), other.value());
}

TEST(TraceFormatTest, EveryFaultHasALineOfItsOwn) {
  std::set<std::string_view> lines;
  for (unsigned i = 0; i <= static_cast<unsigned>(TraceFault::kNonsense); ++i) {
    lines.insert(NameOf(static_cast<TraceFault>(i)));
  }
  EXPECT_EQ(lines.size(), 7u);
}

}  // namespace
}  // namespace pageward::trace
