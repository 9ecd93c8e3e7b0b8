#include "runtime/sim/kmap_local.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::TestSimulation;

class KmapLocalTest : public testing::Test {
 protected:
  void TearDown() override { simulation_->CheckInvariants(); }
  KmapLocal& kmap() { return simulation_->kmap(); }
  FrameNumber Hidden(std::uint32_t tag) {
    const FrameNumber frame = *simulation_.kernel().AllocateHidden();
    simulation_.kernel().ram().Fill(frame, FillTag{tag});
    return frame;
  }
  static std::uint64_t Pattern(std::uint32_t tag) { return SimRam::PatternOf(FillTag{tag}); }

  TestSimulation simulation_;
};

// Spec: T124
TEST_F(KmapLocalTest, EveryProcessorSeesAMappingAndAViewIsSeenByOne) {
  const FrameNumber frame = Hidden(5);
  const VirtAddr mapped = *kmap().Map(frame);
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    EXPECT_EQ(simulation_.cpu(cpu).Read(mapped).word, Pattern(5)) << cpu;
  }
  kmap().Unmap(mapped);
  ASSERT_TRUE(simulation_.process().mm_local().PrepareViews().ok());
  space::MermapRegion& views = simulation_.process().mm_local().views(0);
  const auto view = views.Get({.first = frame});
  ASSERT_TRUE(view.ok());
  EXPECT_TRUE(simulation_.cpu(0).Read(view->range().begin).ok());
  {
    const OnCpu second(simulation_.cpu(1));
    simulation_.process().Run();
    EXPECT_FALSE(simulation_.cpu(1).Read(view->range().begin).ok());
  }
  ASSERT_TRUE(views.Put(*view).ok());
}

TEST_F(KmapLocalTest, UnmappingFlushesOnTheOwnProcessorOnly) {
  const VirtAddr at = *kmap().Map(Hidden(5));
  ASSERT_TRUE(simulation_.cpu(0).Read(at).ok());
  ASSERT_TRUE(simulation_.cpu(1).Read(at).ok());
  simulation_.TakeCounts();
  kmap().Unmap(at);
  EXPECT_EQ(simulation_.TakeCounts()[Primitive::kInterrupt], 0u);
  EXPECT_FALSE(simulation_.cpu(0).Read(at).ok());
  EXPECT_TRUE(simulation_.cpu(1).Read(at).ok()) << "whoever looked keeps it";
}

TEST_F(KmapLocalTest, MappingsAreAStackOfAFewForEachProcessor) {
  std::vector<VirtAddr> mapped;
  for (std::uint32_t i = 0; i < KmapLocal::kSlots; ++i) {
    mapped.push_back(*kmap().Map(Hidden(100 + i)));
  }
  EXPECT_EQ(kmap().Map(Hidden(1)).error(), Error::kInUse);
  {
    const OnCpu second(simulation_.cpu(1));
    EXPECT_TRUE(kmap().Map(Hidden(1)).ok()) << "another has its own";
    EXPECT_EQ(kmap().used(1), 1u);
  }
  for (std::uint32_t i = KmapLocal::kSlots; i-- > 0;) {
    EXPECT_EQ(simulation_.cpu().Read(mapped[i]).word, Pattern(100 + i));
    kmap().Unmap(mapped[i]);
  }
}

TEST_F(KmapLocalTest, APlaceThatIsUsedAgainShowsTheNewFrame) {
  const VirtAddr first = *kmap().Map(Hidden(5));
  ASSERT_EQ(simulation_.cpu().Read(first).word, Pattern(5));
  kmap().Unmap(first);
  const VirtAddr second = *kmap().Map(Hidden(6));
  ASSERT_EQ(second, first);
  EXPECT_EQ(simulation_.cpu().Read(second).word, Pattern(6));
  kmap().Unmap(second);
}

using KmapLocalDeathTest = KmapLocalTest;

TEST_F(KmapLocalDeathTest, WhatWasMappedLastGoesFirst) {
  const VirtAddr first = *kmap().Map(Hidden(5));
  const VirtAddr second = *kmap().Map(Hidden(6));
  EXPECT_DEATH(kmap().Unmap(first), "assertion failed");
  kmap().Unmap(second);
  kmap().Unmap(first);
}

}  // namespace
}  // namespace pageward::sim
