#include "tools/pageward/import/kmem_file.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/tools/text_file.h"
#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

using testing_support::TextFile;
using std::string_view_literals::operator""sv;

constexpr std::string_view kEvent =
    "a 1 [002] 1.5: kmem:mm_page_alloc: page=0x1 pfn=8 order=3 migratetype=1 gfp_flags=GFP_USER\n";

LineCounts Read(std::string_view text, std::vector<KmemEvent>* events) {
  const TextFile file(text);
  return KmemFile(file.path()).Read([&](const KmemEvent& event) { events->push_back(event); }, {});
}

std::string RefusalOf(std::string_view text) {
  const TextFile file(text);
  try {
    KmemFile refused(file.path());
  } catch (const Failure& failure) {
    return failure.what();
  }
  return {};
}

TEST(KmemFileTest, EveryKindOfLineIsCounted) {
  std::vector<KmemEvent> events;
  const std::string text = "# heading\n" + std::string(kEvent) +
                           "a 1 [002] 1.6: sched:sched_switch: x=1\n"
                           "a 1 [002] 1.7: kmem:mm_page_free: pfn=\n"
                           "CPU:1 [8 EVENTS DROPPED]\n" +
                           std::string(10'000, 'z') + "\n" + std::string(kEvent);
  const LineCounts counts = Read(text, &events);
  EXPECT_EQ(counts.lines, 7u);
  EXPECT_EQ(counts.events, 2u);
  EXPECT_EQ(counts.other_events, 1u);
  EXPECT_EQ(counts.lines_without_event, 1u);
  EXPECT_EQ(counts.unreadable, 1u);
  EXPECT_EQ(counts.too_long, 1u);
  EXPECT_EQ(counts.lost_notices, 1u);
  EXPECT_EQ(counts.lost_events, 8u);
  EXPECT_FALSE(counts.is_cut_off);
  EXPECT_EQ(events.size(), 2u);
}

// "pfn=12" may have been "pfn=12345".
TEST(KmemFileTest, ALastLineThatStopsInTheMiddleIsLeftOutAndTold) {
  const std::string whole(kEvent);
  for (std::size_t length = whole.find("mm_page_alloc:") + 14; length < whole.size(); ++length) {
    std::vector<KmemEvent> events;
    const LineCounts counts = Read(whole + whole.substr(0, length), &events);
    EXPECT_TRUE(counts.is_cut_off) << length;
    EXPECT_EQ(events.size(), 1u) << length;
    EXPECT_EQ(counts.unreadable, 0u) << length;
  }
}

TEST(KmemFileTest, RecordingsAreRefusedWithTheCommandThatMakesTextOfThem) {
  EXPECT_NE(RefusalOf("PERFILE2\x68\0\0\0"sv).find("perf script -i "), std::string::npos);
  EXPECT_NE(RefusalOf("\x17\x08\x44tracing6\0"sv).find("trace-cmd report -i "), std::string::npos);
  EXPECT_NE(RefusalOf("\x1f\x8b\x08\0"sv).find("zcat "), std::string::npos);
  EXPECT_NE(RefusalOf("\x28\xb5\x2f\xfd\0"sv).find("zstdcat "), std::string::npos);
  EXPECT_NE(RefusalOf("\xfd\x37zXZ\0\0"sv).find("xzcat "), std::string::npos);
}

TEST(KmemFileTest, OtherBinaryDataIsRefusedInOneLine) {
  const std::string refusal = RefusalOf("\x7f\x45LF\0\1\2\3\n\n"sv);
  EXPECT_NE(refusal.find("is no text"), std::string::npos);
  EXPECT_EQ(refusal.find('\n'), std::string::npos);
}

TEST(KmemFileTest, BytesOfAllKindsInTheMiddleAreOnlyLinesThatAreNoEvents) {
  std::string text(LineReader::kLongestLine, '#');
  text += "\n";
  for (int byte = 0; byte < 256; ++byte) {
    text += static_cast<char>(byte);
  }
  std::vector<KmemEvent> events;
  EXPECT_EQ(Read(text + "\n" + std::string(kEvent), &events).events, 1u);
}

TEST(KmemFileTest, HowFarItIsIsTold) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) {
    text += kEvent;
  }
  const TextFile file(text);
  std::vector<std::uint64_t> told;
  const auto tell = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, text.size());
    told.push_back(done);
  };
  KmemFile(file.path()).Read([](const KmemEvent&) {}, tell);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_LT(told[0], told[1]);
}

}  // namespace
}  // namespace pageward::tool
