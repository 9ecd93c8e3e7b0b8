#include "runtime/trace/trace_reader.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/trace/traffic.h"

namespace pageward::trace {
namespace {

using testing_support::FactsOf;
using testing_support::RandomTraffic;
using testing_support::TraceOf;

std::vector<TraceEvent> EventsOf(const TraceReader& reader) {
  std::vector<TraceEvent> events;
  reader.ForEach([&](const TraceEvent& event) { events.push_back(event); });
  return events;
}

TEST(TraceReaderTest, EventsComeBackInOrder) {
  const std::vector<TraceEvent> events = RandomTraffic(1, 5000);
  const std::vector<std::byte> bytes = TraceOf(events);
  TraceReader reader;
  ASSERT_EQ(reader.Open(bytes), TraceFault::kNone);
  EXPECT_EQ(EventsOf(reader), events);
  EXPECT_EQ(reader.facts().program_name(), "program");
  EXPECT_EQ(reader.end(), (TraceEnd{events.back().time_ns + 1, events.size()}));
}

TEST(TraceReaderTest, ATraceWithoutEventsIsWhole) {
  const std::vector<std::byte> bytes = TraceOf({});
  TraceReader reader;
  EXPECT_EQ(reader.Open(bytes), TraceFault::kNone);
  EXPECT_EQ(reader.events(), 0u);
}

TEST(TraceReaderTest, EveryCutIsFound) {
  const std::vector<std::byte> bytes = TraceOf(RandomTraffic(2, 8));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    TraceReader reader;
    EXPECT_EQ(reader.Open(std::span(bytes).first(length)),
              length < kMagic.size() ? TraceFault::kForeign : TraceFault::kUnfinished)
        << length;
    EXPECT_EQ(reader.events(), 0u);
  }
}

TEST(TraceReaderTest, NoByteChangesUnseen) {
  const std::vector<std::byte> bytes = TraceOf(RandomTraffic(3, 8));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const auto change : {std::byte{1}, std::byte{0x80}, std::byte{0xff}}) {
      std::vector<std::byte> changed = bytes;
      changed[at] ^= change;
      TraceReader reader;
      EXPECT_NE(reader.Open(changed), TraceFault::kNone) << at;
    }
  }
}

TEST(TraceReaderTest, WhatFollowsTheEndIsFound) {
  std::vector<std::byte> bytes = TraceOf(RandomTraffic(4, 8));
  const std::vector<std::byte> once = bytes;
  TraceReader reader;
  bytes.push_back(std::byte{0});
  EXPECT_EQ(reader.Open(bytes), TraceFault::kUnfinished);
  bytes.insert(bytes.end(), kRecordBytes - 1, std::byte{0});
  EXPECT_EQ(reader.Open(bytes), TraceFault::kUnfinished);
  bytes = once;
  bytes.insert(bytes.end(), once.begin() + kHeaderBytes, once.end());
  EXPECT_EQ(reader.Open(bytes), TraceFault::kDamaged);
}

// Checksums fit, and what they are of is nonsense all the same.
TEST(TraceReaderTest, TimeThatGoesBackAndEventsOutsideOfTheZoneAreFound) {
  std::vector<TraceEvent> events = RandomTraffic(5, 8);
  TraceReader reader;
  std::swap(events[2].time_ns, events[3].time_ns);
  EXPECT_EQ(reader.Open(TraceOf(events)), TraceFault::kNonsense);
  events = RandomTraffic(5, 8);
  EXPECT_EQ(reader.Open(TraceOf(events, FactsOf(2))), TraceFault::kNonsense);
}

TEST(TraceReaderTest, ForeignFilesAreFound) {
  for (const std::string_view text : {"", "#!/bin/sh\n",
                                      "\x7f"
                                      "ELF",
                                      "PWtrace of something"}) {
    TraceReader reader;
    EXPECT_EQ(reader.Open(std::as_bytes(std::span(text))), TraceFault::kForeign) << text;
  }
}

// --- Finishing what a killed program left --------------------------------------------------------

TEST(UnfinishedTraceTest, ACutTraceBecomesWholeUpToItsLastWholeEvent) {
  const std::vector<TraceEvent> events = RandomTraffic(6, 8);
  const std::vector<std::byte> bytes = TraceOf(events);
  for (std::size_t length = kHeaderBytes; length + kRecordBytes < bytes.size(); ++length) {
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    const UnfinishedTrace unfinished = Finish(cut);
    ASSERT_EQ(unfinished.fault, TraceFault::kNone) << length;
    cut.resize(unfinished.whole_bytes);
    cut.insert(cut.end(), unfinished.end.begin(), unfinished.end.end());
    TraceReader reader;
    ASSERT_EQ(reader.Open(cut), TraceFault::kNone) << length;
    EXPECT_EQ(reader.events(), (length - kHeaderBytes) / kRecordBytes);
    EXPECT_EQ(reader.end().ending, TraceEnding::kCut);
    const std::vector<TraceEvent> read = EventsOf(reader);
    EXPECT_TRUE(std::equal(read.begin(), read.end(), events.begin()));
  }
}

// As a program leaves it: the rest of the last room is zero, but for an event that was being
// written.
TEST(UnfinishedTraceTest, RoomThatWasNotUsedAndHalfAnEventAreCutOff) {
  const std::vector<std::byte> bytes = TraceOf(RandomTraffic(6, 8));
  const std::size_t whole = kHeaderBytes + 7 * kRecordBytes;
  for (std::size_t written = 0; written <= kRecordBytes; written += 8) {
    std::vector<std::byte> left(bytes.begin(),
                                bytes.begin() + static_cast<std::ptrdiff_t>(whole + written));
    left.resize(whole + 10 * kRecordBytes);
    const UnfinishedTrace unfinished = Finish(left);
    ASSERT_EQ(unfinished.fault, TraceFault::kNone) << written;
    EXPECT_EQ(unfinished.whole_bytes, written < kRecordBytes ? whole : whole + kRecordBytes)
        << written;
  }
}

TEST(UnfinishedTraceTest, WhatIsForeignOrDamagedIsNotFinished) {
  std::vector<std::byte> bytes = TraceOf(RandomTraffic(7, 8));
  EXPECT_EQ(Finish({}).fault, TraceFault::kForeign);
  EXPECT_EQ(Finish(std::span(bytes).first(kHeaderBytes - 1)).fault, TraceFault::kUnfinished);
  bytes[kHeaderBytes + 24] = std::byte{99};
  EXPECT_EQ(Finish(std::span(bytes).first(bytes.size() - kRecordBytes)).fault,
            TraceFault::kNonsense);
}

}  // namespace
}  // namespace pageward::trace
