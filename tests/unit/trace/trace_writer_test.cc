#include "runtime/trace/trace_writer.h"

#include <gtest/gtest.h>

#include <memory>
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
      writer_->Append(event);
    }
  }

  const std::vector<TraceEvent> events_ = RandomTraffic(1, 3 * TraceWriter::kBufferedEvents);
  std::unique_ptr<TraceWriter> writer_ = std::make_unique<TraceWriter>();
  MemorySink sink_;
};

TEST_F(TraceWriterTest, TheSinkGetsFullBuffers) {
  ASSERT_TRUE(writer_->Begin(sink_, FactsOf()).ok());
  EXPECT_EQ(sink_.writes(), 1u) << "the header, so that a trace is known as one from the start";
  for (std::size_t i = 0; i < TraceWriter::kBufferedEvents; ++i) {
    writer_->Append(events_[i]);
  }
  EXPECT_EQ(sink_.writes(), 1u);
  writer_->Append(events_[0]);
  EXPECT_EQ(sink_.writes(), 2u);
  EXPECT_EQ(sink_.bytes().size(), kHeaderBytes + TraceWriter::kBufferedEvents * kRecordBytes);
}

TEST_F(TraceWriterTest, AfterTheEndNothingIsTaken) {
  ASSERT_TRUE(writer_->Begin(sink_, FactsOf()).ok());
  ASSERT_TRUE(writer_->Finish(0).ok());
  EXPECT_FALSE(writer_->IsWriting());
  const std::size_t bytes = sink_.bytes().size();
  AppendAll();
  EXPECT_TRUE(writer_->Finish(0).ok());
  EXPECT_EQ(sink_.bytes().size(), bytes);
}

TEST_F(TraceWriterTest, AWriterCanWriteAnotherTrace) {
  for (int i = 0; i < 2; ++i) {
    MemorySink sink;
    ASSERT_TRUE(writer_->Begin(sink, FactsOf()).ok());
    AppendAll();
    ASSERT_TRUE(writer_->Finish(~std::uint64_t{0}).ok());
    TraceReader reader;
    EXPECT_EQ(reader.Open(sink.bytes()), TraceFault::kNone);
    EXPECT_EQ(reader.events(), events_.size());
  }
}

TEST_F(TraceWriterTest, EachWriteCanFailAndWhatIsThereIsNeverAWholeTrace) {
  // Header, full buffers, the rest, the end.
  for (std::size_t writes = 0; writes < 5; ++writes) {
    MemorySink sink;
    sink.FailAfter(writes);
    const Status begun = writer_->Begin(sink, FactsOf());
    EXPECT_EQ(begun.ok(), writes > 0);
    AppendAll();
    const Status finished = writer_->Finish(~std::uint64_t{0});
    EXPECT_EQ(finished.ok(), writes == 0) << "there was nothing to finish, or it failed";
    EXPECT_FALSE(writer_->IsWriting());
    TraceReader reader;
    EXPECT_NE(reader.Open(sink.bytes()), TraceFault::kNone) << writes;
  }
}

}  // namespace
}  // namespace pageward::trace
