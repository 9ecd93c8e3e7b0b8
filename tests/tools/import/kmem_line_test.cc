// Lines as tools of several years print them, and what is in them.
#include "tools/pageward/import/kmem_line.h"

#include <gtest/gtest.h>

#include <string>

namespace pageward::tool {
namespace {

using frame::Mobility;
using Flag = GfpFlags::Flag;

KmemEvent EventIn(std::string_view line) {
  const KmemLine parsed = ParseKmemLine(line);
  EXPECT_EQ(parsed.kind, LineKind::kKmem) << line;
  return parsed.event;
}

TEST(KmemLineTest, PerfScriptOfALinux5Kernel) {
  const std::string line =
      "perf  6429 [001]    22.498450:             kmem:mm_page_alloc: page=0x176a17 pfn=1534487 "
      "order=0 migratetype=0 gfp_flags=GFP_KERNEL";
  const KmemEvent event = EventIn(line);
  EXPECT_EQ(event.kind, KmemKind::kAllocated);
  EXPECT_EQ(event.pfn, 1534487u);
  EXPECT_EQ(event.order, 0u);
  EXPECT_EQ(event.cpu, 1u);
  EXPECT_EQ(event.mobility, Mobility::kUnmovable);
  EXPECT_TRUE(event.gfp.Has(Flag::kDirectReclaim));
  EXPECT_FALSE(event.has_failed);
  EXPECT_FALSE(event.has_gfp_number);
  EXPECT_EQ(ParseKmemLine(line).style, TraceStyle::kPerf);
}

TEST(KmemLineTest, TraceCmdOfALinux6Kernel) {
  const std::string line =
      "     redis-server-1422  [012] d..2.  7012.118341: mm_page_alloc:        "
      "page=0xffffffff981685f3 pfn=0x1d1ac1 order=9 migratetype=1 gfp_flags=0x140cca";
  const KmemEvent event = EventIn(line);
  EXPECT_EQ(event.pfn, 0x1d1ac1u);
  EXPECT_EQ(event.order, 9u);
  EXPECT_EQ(event.cpu, 12u);
  EXPECT_EQ(event.mobility, Mobility::kMovable);
  EXPECT_TRUE(event.gfp.Has(Flag::kHighmem));
  EXPECT_TRUE(event.has_gfp_number);
  EXPECT_EQ(ParseKmemLine(line).style, TraceStyle::kTraceCmd);
}

TEST(KmemLineTest, TheKernelsTraceFileOfALinux4Kernel) {
  const KmemEvent event = EventIn(
      "  <...>-22275 [006] ....   889.213383: mm_page_alloc: page=00000000d2be5665 pfn=970744 "
      "order=0 migratetype=2 nr_free=3650 gfp_flags=GFP_NOFS|__GFP_RECLAIMABLE");
  EXPECT_EQ(event.pfn, 970744u);
  EXPECT_EQ(event.cpu, 6u);
  EXPECT_EQ(event.mobility, Mobility::kReclaimable);
}

TEST(KmemLineTest, TheFunctionGraphTracerPutsEventsIntoComments) {
  const KmemEvent event = EventIn(
      "  24)               |  /* mm_page_alloc: page=0000000082b1fe73 pfn=1704824 order=0 "
      "migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_ZERO */");
  EXPECT_EQ(event.pfn, 1704824u);
  EXPECT_EQ(event.cpu, 24u);
  EXPECT_TRUE(event.gfp.Has(Flag::kZero));
}

TEST(KmemLineTest, FieldsThatATracerCouldNotFormatAreReadRaw) {
  const KmemEvent event = EventIn(
      "cc1plus 77 [003] 5.125: kmem:mm_page_alloc: [FAILED TO PARSE] pfn=1904321 order=0 "
      "gfp_flags=1313994 migratetype=1");
  EXPECT_EQ(event.pfn, 1904321u);
  EXPECT_TRUE(event.gfp.Has(Flag::kMovable));
}

TEST(KmemLineTest, FreesBatchesAndTheirFormerNames) {
  const KmemEvent freed =
      EventIn("kswapd0 58 [000] 1.5: kmem:mm_page_free: page=0xfffff8a1c4 pfn=0x3a7f0 order=3");
  EXPECT_EQ(freed.kind, KmemKind::kFreed);
  EXPECT_EQ(freed.order, 3u);
  EXPECT_EQ(EventIn("sh 9 [000] 1.5: kmem:mm_page_free_batched: page=0x1 pfn=0x3a7f0 order=0").kind,
            KmemKind::kFreedInBatch);
  EXPECT_EQ(EventIn("sh-9 [000] 1.5: mm_page_free_direct: page=ffffea0003db9f40 pfn=1155800 "
                    "order=0")
                .kind,
            KmemKind::kFreed);
  EXPECT_EQ(EventIn("sh-9 [000] 1.5: mm_pagevec_free: page=ffffea0003db9f40 pfn=1155800 order=0 "
                    "cold=0")
                .kind,
            KmemKind::kFreedInBatch);
}

TEST(KmemLineTest, AFallbackSaysWhetherItFragmentsAndChangesOwnership) {
  const KmemEvent event = EventIn(
      "<idle>-0     [006] d.s.  1110.217281: mm_page_alloc_extfrag: page=ffffea0064142000 "
      "pfn=26235008 alloc_order=3 fallback_order=3 pageblock_order=9 alloc_migratetype=0 "
      "fallback_migratetype=2 fragmenting=1 change_ownership=0");
  EXPECT_EQ(event.kind, KmemKind::kFellBack);
  EXPECT_EQ(event.pfn, 26235008u);
  EXPECT_EQ(event.order, 3u);
  EXPECT_TRUE(event.is_fragmenting);
  EXPECT_FALSE(event.changes_ownership);
}

TEST(KmemLineTest, APageOfZeroOrOfMinusOneIsAnAllocationThatFailed) {
  for (const char* const pfn : {"0", "0x0", "18446744073709551615", "0xffffffffffffffff"}) {
    const std::string line =
        "a 1 [000] 1.5: kmem:mm_page_alloc: page=(nil) pfn=" + std::string(pfn) +
        " order=9 migratetype=1 gfp_flags=GFP_TRANSHUGE";
    EXPECT_TRUE(EventIn(line).has_failed) << line;
  }
}

TEST(KmemLineTest, NamesOfTasksMayHaveBlanksAndBrackets) {
  EXPECT_EQ(EventIn("Web Content [7]  4 [002] 1.5: kmem:mm_page_free: page=0 pfn=5 order=0").cpu,
            2u);
  EXPECT_EQ(EventIn("kworker/3:1-77 [003] .... 1.5: mm_page_free: page=0 pfn=5 order=0").cpu, 3u);
}

TEST(KmemLineTest, ALineWithoutAProcessorIsAnEventAllTheSame) {
  EXPECT_FALSE(
      EventIn("perf 6429 22.498450: kmem:mm_page_free: page=0x1 pfn=7 order=0").cpu.has_value());
}

TEST(KmemLineTest, OtherEventsAreNoPageEvents) {
  for (const char* const line :
       {"a 1 [000] 1.5: kmem:kmalloc: call_site=x ptr=0x1 bytes_req=8 gfp_flags=GFP_KERNEL",
        "a 1 [000] 1.5: kmem:mm_page_alloc_zone_locked: page=0x1 pfn=1 order=0 migratetype=1",
        "a-1 [000] .... 1.5: mm_page_pcpu_drain: page=0x1 pfn=1 order=0 migratetype=1",
        "a-1 [000] .... 1.5: sched_switch: prev_comm=mm_page_alloc prev_pid=1"}) {
    EXPECT_EQ(ParseKmemLine(line).kind, LineKind::kOtherEvent) << line;
  }
}

TEST(KmemLineTest, HeadingsCommentsAndCallChainsAreNoEvents) {
  for (const char* const line :
       {"", "   ", "# tracer: nop", "cpus=8", "version = 7", "CPU 1 is empty",
        "\tffffffffbe23e32e __alloc_pages_nodemask+0x22e (/lib/modules/5.1.0/build/vmlinux)",
        "#  TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION", "mm_page_alloc"}) {
    EXPECT_EQ(ParseKmemLine(line).kind, LineKind::kNoEvent) << line;
  }
}

TEST(KmemLineTest, LossesAreToldInThreeWays) {
  const std::pair<const char*, std::uint64_t> kLines[] = {
      {"CPU:7 [204600 EVENTS DROPPED]", 204600},
      {"CPU:7 [LOST 12 EVENTS]", 12},
      {"perf 1 [000] 1.5: PERF_RECORD_LOST lost 31", 31},
      {"CPU:2 [EVENTS DROPPED]", 0},
  };
  for (const auto& [line, lost] : kLines) {
    const KmemLine parsed = ParseKmemLine(line);
    EXPECT_EQ(parsed.kind, LineKind::kLost) << line;
    EXPECT_EQ(parsed.lost, lost) << line;
  }
}

TEST(KmemLineTest, APageEventWithoutWhatItMustHaveIsUnreadable) {
  for (const char* const fields :
       {"", "page=0x1", "pfn=5", "pfn=5 order=", "pfn=x order=0", "pfn=5 order=19",
        "pfn=0x10000000000 order=0 migratetype=0 gfp_flags=GFP_KERNEL",
        "pfn=5 order=0 migratetype=1", "pfn=5 order=0 gfp_flags=GFP_KERNEL",
        "pfn=5 order=0 migratetype=9 gfp_flags=GFP_KERNEL",
        "pfn=5 order=0 migratetype=1 gfp_flags=", "pfn=-5 order=0 migratetype=1 gfp_flags=0x1"}) {
    const std::string line = "a 1 [000] 1.5: kmem:mm_page_alloc: " + std::string(fields);
    EXPECT_EQ(ParseKmemLine(line).kind, LineKind::kUnreadable) << line;
  }
  EXPECT_EQ(ParseKmemLine("a 1 [000] 1.5: kmem:mm_page_free: page=0 pfn=0 order=0").kind,
            LineKind::kUnreadable);
}

TEST(KmemLineTest, MigratetypesHaveNumbersAndNames) {
  EXPECT_EQ(ParseMigrateType("0"), Mobility::kUnmovable);
  EXPECT_EQ(ParseMigrateType("0x1"), Mobility::kMovable);
  EXPECT_EQ(ParseMigrateType("MIGRATE_RECLAIMABLE"), Mobility::kReclaimable);
  EXPECT_EQ(ParseMigrateType("movable"), Mobility::kMovable);
  EXPECT_FALSE(ParseMigrateType("").has_value());
  EXPECT_FALSE(ParseMigrateType("MIGRATE_").has_value());
}

}  // namespace
}  // namespace pageward::tool
