#include "runtime/trace/trace_writer.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/trace/trace_reader.h"
#include "tests/support/trace/traffic.h"

namespace pageward::trace {
namespace {

using testing_support::FactsOf;
using testing_support::MemorySink;
using testing_support::RandomTraffic;

class TraceWriterTest : public testing::Test {
 protected:
  void AppendAll() {
    for (const TraceEvent& event : events_) {
      writer_.Append(event);
    }
  }

  static constexpr std::size_t kInRoom = MemorySink::kRoomBytes / kRecordBytes;
  static constexpr std::size_t kInHeader = kHeaderBytes / kRecordBytes;

  const std::vector<TraceEvent> events_ = RandomTraffic(1, 3 * kInRoom);
  TraceWriter writer_;
  MemorySink sink_;
};

TEST_F(TraceWriterTest, ARoomIsAskedForWhenTheOneBeforeIsFull) {
  ASSERT_TRUE(writer_.Begin(sink_, FactsOf()).ok());
  EXPECT_EQ(sink_.rooms(), 1u) << "for the header, so that a trace is known as one at once";
  for (std::size_t i = 0; i < kInRoom - kInHeader; ++i) {
    writer_.Append(events_[i]);
  }
  EXPECT_EQ(sink_.rooms(), 1u);
  writer_.Append(events_[0]);
  EXPECT_EQ(sink_.rooms(), 2u);
}

TEST_F(TraceWriterTest, WhatWasAppendedIsThereWithoutAnEnd) {
  ASSERT_TRUE(writer_.Begin(sink_, FactsOf()).ok());
  AppendAll();
  std::vector<std::byte> bytes = sink_.bytes();
  const UnfinishedTrace unfinished = trace::Finish(bytes);
  ASSERT_EQ(unfinished.fault, TraceFault::kNone);
  bytes.resize(unfinished.whole_bytes);
  bytes.insert(bytes.end(), unfinished.end.begin(), unfinished.end.end());
  TraceReader reader;
  ASSERT_EQ(reader.Open(bytes), TraceFault::kNone);
  EXPECT_EQ(reader.events(), events_.size());
}

TEST_F(TraceWriterTest, AfterTheEndNothingIsTaken) {
  ASSERT_TRUE(writer_.Begin(sink_, FactsOf()).ok());
  ASSERT_TRUE(writer_.Finish(0).ok());
  EXPECT_FALSE(writer_.IsWriting());
  const std::vector<std::byte> bytes = sink_.bytes();
  AppendAll();
  EXPECT_TRUE(writer_.Finish(0).ok());
  EXPECT_EQ(sink_.bytes(), bytes);
}

TEST_F(TraceWriterTest, AWriterCanWriteAnotherTrace) {
  for (int i = 0; i < 2; ++i) {
    MemorySink sink;
    ASSERT_TRUE(writer_.Begin(sink, FactsOf()).ok());
    AppendAll();
    ASSERT_TRUE(writer_.Finish(~std::uint64_t{0}).ok());
    const std::vector<std::byte> bytes = sink.bytes();
    TraceReader reader;
    EXPECT_EQ(reader.Open(bytes), TraceFault::kNone);
    EXPECT_EQ(reader.events(), events_.size());
  }
}

TEST_F(TraceWriterTest, EachStepCanFailAndWhatIsThereIsNeverAWholeTrace) {
  ASSERT_TRUE(writer_.Begin(sink_, FactsOf()).ok());
  AppendAll();
  ASSERT_TRUE(writer_.Finish(~std::uint64_t{0}).ok());
  // All rooms, and the end, which cuts off what was not used of the last one.
  for (std::size_t calls = 0; calls < sink_.calls(); ++calls) {
    MemorySink sink;
    sink.FailAfter(calls);
    EXPECT_EQ(writer_.Begin(sink, FactsOf()).ok(), calls > 0);
    AppendAll();
    EXPECT_EQ(writer_.Finish(~std::uint64_t{0}).error(), Error::kLimit);
    EXPECT_FALSE(writer_.IsWriting());
    const std::vector<std::byte> bytes = sink.bytes();
    TraceReader reader;
    const bool has_end = calls + 1 == sink_.calls();
    EXPECT_EQ(reader.Open(bytes) == TraceFault::kNone, has_end) << calls;
  }
}

TEST_F(TraceWriterTest, ACopyOfTheProcessWritesNothing) {
  ASSERT_TRUE(writer_.Begin(sink_, FactsOf()).ok());
  writer_.Append(events_[0]);
  const std::vector<std::byte> bytes = sink_.bytes();
  sink_.GiveAway();
  AppendAll();
  EXPECT_FALSE(writer_.IsWriting());
  EXPECT_EQ(writer_.Finish(1).error(), Error::kNotPermitted);
  EXPECT_EQ(sink_.bytes(), bytes);
}

}  // namespace
}  // namespace pageward::trace
