#include "runtime/sim/machine.h"

#include <gtest/gtest.h>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using ptable::CpuNumber;
using ptable::CpuSet;
using ptable::FlushRequest;
using ptable::ShootdownScope;
using ptable::ShootdownTarget;
using testing_support::ConfigOf;
using testing_support::TestKernel;

class MachineTest : public testing::Test {
 protected:
  // Pages at the end of RAM, of a direct map of small leaves.
  VirtRange Pages(std::uint64_t count) const {
    return VirtRange{kDirectMapBase + (64 * TestKernel::kMiB - count * kFrameBytes),
                     count * kFrameBytes};
  }
  ShootdownTarget Everybody() {
    return ShootdownTarget{kernel_->machine().AllCpus(), CpuNumber(0), ShootdownScope::kGlobalPages,
                           arch::Pcid()};
  }
  // Lets every processor cache the first of `pages`, and takes it out of the tables.
  void CacheAndTakeOut(VirtRange pages) {
    for (std::uint32_t i = 0; i < 4; ++i) {
      ASSERT_TRUE(kernel_.cpu(i).Read(pages.begin).ok());
    }
    const FrameNumber first(static_cast<std::uint32_t>((pages.begin - kDirectMapBase) >> 12));
    ASSERT_TRUE(kernel_->direct_map()
                    .Change(FrameRange{first, FramesFor(pages.bytes)},
                            ptable::SetDirectMapTo::kInvalid, FlushWhen::kLater)
                    .ok());
    kernel_.TakeCounts();
  }
  bool CanRead(std::uint32_t cpu, VirtAddr at) { return kernel_.cpu(cpu).Read(at).ok(); }

  static KernelConfig SmallLeaves() {
    KernelConfig config = ConfigOf(64 * TestKernel::kMiB);
    config.direct_map.largest_leaf = 0;
    return config;
  }

  TestKernel kernel_{SmallLeaves()};
};

TEST_F(MachineTest, AFlushReachesItsProcessorsAndIsCounted) {
  const VirtRange pages = Pages(2);
  CacheAndTakeOut(pages);
  EXPECT_TRUE(CanRead(1, pages.begin)) << "stale";
  ShootdownTarget target = Everybody();
  target.cpus.Remove(CpuNumber(3));
  kernel_->machine().Flush(FlushRequest{pages, kFrameBytesLog2}, target);
  for (std::uint32_t cpu = 0; cpu < 3; ++cpu) {
    EXPECT_FALSE(CanRead(cpu, pages.begin)) << cpu;
  }
  EXPECT_TRUE(CanRead(3, pages.begin));
  const Counts counts = kernel_.TakeCounts();
  EXPECT_EQ(counts[Tally::kFlushEvent], 1u);
  EXPECT_EQ(counts[Primitive::kShootdown], 1u);
  EXPECT_EQ(counts[Primitive::kInterrupt], 2u) << "all but the one that flushes";
  EXPECT_EQ(counts[Primitive::kPageFlush], 6u);
  EXPECT_EQ(counts[Primitive::kFullFlush], 0u);
}

TEST_F(MachineTest, AFlushOfItsOwnInterruptsNobody) {
  const VirtRange pages = Pages(1);
  CacheAndTakeOut(pages);
  ShootdownTarget target = Everybody();
  target.cpus = CpuSet::Only(CpuNumber(0));
  kernel_->machine().Flush(FlushRequest{pages, kFrameBytesLog2}, target);
  EXPECT_FALSE(CanRead(0, pages.begin));
  EXPECT_TRUE(CanRead(1, pages.begin));
  const Counts counts = kernel_.TakeCounts();
  EXPECT_EQ(counts[Primitive::kShootdown], 0u);
  EXPECT_EQ(counts[Primitive::kInterrupt], 0u);
}

TEST_F(MachineTest, TheProcessorThatFlushesIsTheCurrentOne) {
  const VirtRange pages = Pages(1);
  CacheAndTakeOut(pages);
  const OnCpu other(kernel_.cpu(2));
  kernel_->machine().Flush(FlushRequest{pages, kFrameBytesLog2}, Everybody());
  EXPECT_EQ(kernel_.cpu(2).meter().Read()[Tally::kFlushEvent], 1u);
  EXPECT_EQ(kernel_.TakeCounts()[Primitive::kInterrupt], 3u);
}

TEST_F(MachineTest, ManyPagesAreOneFullFlushEach) {
  const VirtRange pages = Pages(100);
  CacheAndTakeOut(pages);
  kernel_->machine().Flush(FlushRequest{pages, kFrameBytesLog2}, Everybody());
  EXPECT_FALSE(CanRead(1, pages.begin));
  const Counts counts = kernel_.TakeCounts();
  EXPECT_EQ(counts[Primitive::kFullFlush], 4u);
  EXPECT_EQ(counts[Primitive::kPageFlush], 0u);
}

TEST_F(MachineTest, ProcessorsWithNothingCachedAreCountedAllTheSame) {
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    kernel_.cpu(cpu).ForgetAll();
  }
  kernel_.TakeCounts();
  kernel_->machine().Flush(FlushRequest{Pages(3), kFrameBytesLog2}, Everybody());
  const Counts counts = kernel_.TakeCounts();
  EXPECT_EQ(counts[Primitive::kPageFlush], 12u);
  EXPECT_EQ(counts[Primitive::kInterrupt], 3u);
}

// A planted defect: the flush that somebody forgot.
TEST_F(MachineTest, AFlushThatIsForgottenShowsAsAStaleTranslation) {
  const VirtRange pages = Pages(1);
  CacheAndTakeOut(pages);
  kernel_.faults().FailAfter(FaultPoint::kFlush, 0);
  kernel_->machine().Flush(FlushRequest{pages, kFrameBytesLog2}, Everybody());
  EXPECT_TRUE(CanRead(0, pages.begin));
  EXPECT_TRUE(CanRead(3, pages.begin));
}

TEST_F(MachineTest, EventsCarryTheirNumberAndProcessor) {
  kernel_.events().Clear();
  kernel_->machine().Note(Event{.a = 1, .kind = EventKind::kSplit});
  {
    const OnCpu other(kernel_.cpu(3));
    kernel_->machine().Note(Event{.a = 2, .kind = EventKind::kSplit});
  }
  const auto events = kernel_.events().all();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].sequence, events[0].sequence + 1);
  EXPECT_EQ(events[0].cpu, 0u);
  EXPECT_EQ(events[1].cpu, 3u);
}

}  // namespace
}  // namespace pageward::sim
