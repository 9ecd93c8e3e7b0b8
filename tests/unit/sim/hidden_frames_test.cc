#include "runtime/sim/hidden_frames.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using testing_support::ConfigOf;
using testing_support::TestKernel;

KernelConfig With(ConversionPolicy policy) {
  KernelConfig config = ConfigOf(2 * TestKernel::kGiB);
  config.conversion = policy;
  return config;
}

class HiddenFramesTest : public testing::TestWithParam<ConversionPolicy> {
 protected:
  TestKernel kernel_{With(GetParam())};
};

TEST_P(HiddenFramesTest, AHiddenFrameIsAbsentFromTheTables) {
  const FrameNumber frame = *kernel_->AllocateHidden();
  EXPECT_FALSE(kernel_->direct_map().IsPresent(frame));
  EXPECT_FALSE(kernel_.IsReachable(frame));
  kernel_->FreeHidden(frame);
  kernel_->CheckInvariants();
}

TEST_P(HiddenFramesTest, WhoGetsItNextSeesNothingOfIt) {
  const FrameNumber frame = *kernel_->AllocateHidden();
  kernel_->ram().Fill(frame, FillTag{5});
  kernel_->FreeHidden(frame);
  kernel_->DrainLists();
  const bool is_mapped_again = kernel_->direct_map().IsPresent(frame);
  EXPECT_EQ(is_mapped_again, GetParam() != ConversionPolicy::kGrouped);
  EXPECT_EQ(kernel_->ram().IsZero(frame), is_mapped_again);
}

TEST_P(HiddenFramesTest, ABlockOfFramesIsAbsentAsAWholeAndComesBackAsAWhole) {
  for (const unsigned order : {1u, 4u, 9u, 10u}) {
    const FrameNumber first = *kernel_->AllocateHidden(Order(order));
    const FrameRange range{first, Order(order).frames()};
    EXPECT_TRUE(IsAligned<std::uint64_t>(first.value, range.count.value));
    for (FrameNumber frame = first; frame < range.end(); ++frame.value) {
      ASSERT_FALSE(kernel_->direct_map().IsPresent(frame)) << "order " << order;
      kernel_->ram().Fill(frame, FillTag{7});
    }
    kernel_->FreeHidden(first, Order(order));
    const bool is_grouped = GetParam() == ConversionPolicy::kGrouped;
    for (FrameNumber frame = first; frame < range.end(); ++frame.value) {
      ASSERT_EQ(kernel_->direct_map().IsPresent(frame), !is_grouped) << "order " << order;
      ASSERT_EQ(kernel_->ram().IsZero(frame), !is_grouped) << "order " << order;
    }
    kernel_->DrainLists();
    kernel_->CheckInvariants();
  }
}

TEST_P(HiddenFramesTest, HalvesOfABlockCanBeFreedOneAfterTheOther) {
  for (const unsigned order : {1u, 9u, 10u}) {
    const FrameNumber first = *kernel_->AllocateHidden(Order(order));
    const FrameNumber middle = first + FrameCount(Order(order).frames().value / 2);
    ASSERT_TRUE(kernel_->SplitHidden(first, Order(order)).ok());
    kernel_->FreeHidden(middle, Order(order - 1));
    EXPECT_FALSE(kernel_->direct_map().IsPresent(first));
    EXPECT_EQ(kernel_->direct_map().IsPresent(middle), GetParam() != ConversionPolicy::kGrouped);
    kernel_->FreeHidden(first, Order(order - 1));
    kernel_->DrainLists();
    kernel_->CheckInvariants();
  }
}

TEST_P(HiddenFramesTest, ABlockWhoseSplitFailsIsStillOneBlock) {
  const FrameNumber first = *kernel_->AllocateHidden(Order(9));
  const std::uint64_t splits = kernel_->direct_map().splits();
  kernel_.faults().FailAfter(FaultPoint::kTablePage, 0);
  const bool has_split = kernel_->SplitHidden(first, Order(9)).ok();
  kernel_.faults().Stop();
  EXPECT_EQ(has_split, GetParam() == ConversionPolicy::kGrouped);
  EXPECT_EQ(kernel_->direct_map().splits(), splits);
  if (!has_split) {
    kernel_->FreeHidden(first, Order(9));
    EXPECT_TRUE(kernel_->direct_map().IsPresent(first));
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, HiddenFramesTest,
                         testing::Values(ConversionPolicy::kGrouped, ConversionPolicy::kAdhoc,
                                         ConversionPolicy::kSkipFlush));

TEST(ConversionPolicyTest, AdhocFlushesOnceForABlockOfFrames) {
  TestKernel kernel(With(ConversionPolicy::kAdhoc));
  kernel.TakeCounts();
  EXPECT_TRUE(kernel->AllocateHidden(Order(6)).ok());
  EXPECT_EQ(kernel.TakeCounts()[Tally::kFlushEvent], 1u);
}

// Spec: T104
TEST(ConversionPolicyTest, GroupedFlushesForAPageblockAndAdhocForEachPage) {
  constexpr std::uint64_t kPages = 4096;
  const auto flushes = [](ConversionPolicy policy) {
    TestKernel kernel(With(policy));
    kernel.TakeCounts();
    for (std::uint64_t i = 0; i < kPages; ++i) {
      EXPECT_TRUE(kernel->AllocateHidden().ok());
    }
    return kernel.TakeCounts()[Tally::kFlushEvent];
  };
  EXPECT_EQ(flushes(ConversionPolicy::kGrouped), kPages / kPageblockFrames);
  EXPECT_EQ(flushes(ConversionPolicy::kAdhoc), kPages);
  EXPECT_EQ(flushes(ConversionPolicy::kSkipFlush), 0u);
}

// Spec: T105
TEST(ConversionPolicyTest, TheDefaultIsGroupedAndSkippingTheFlushLeaks) {
  EXPECT_EQ(KernelConfig().conversion, ConversionPolicy::kGrouped);
  // A processor touches the frame that will be hidden, and reads what is put there later.
  const auto read_by_other = [](ConversionPolicy policy) {
    FrameNumber frame;
    {
      TestKernel same(With(policy));
      frame = *same->AllocateHidden();
    }
    TestKernel kernel(With(policy));
    EXPECT_TRUE(kernel.ReadHome(frame, 1).has_value());
    EXPECT_EQ(*kernel->AllocateHidden(), frame);
    kernel->ram().Fill(frame, FillTag{1234});
    return kernel.ReadHome(frame, 1);
  };
  EXPECT_EQ(read_by_other(ConversionPolicy::kSkipFlush), SimRam::PatternOf(FillTag{1234}));
  EXPECT_EQ(read_by_other(ConversionPolicy::kAdhoc), std::nullopt);
  EXPECT_EQ(read_by_other(ConversionPolicy::kGrouped), std::nullopt);
}

// Spec: T39
TEST(ConversionPolicyTest, GroupedConversionLeavesLargeLeavesAndAdhocDoesNot) {
  const auto small_leaves = [](ConversionPolicy policy) {
    TestKernel kernel(With(policy));
    for (std::uint64_t i = 0; i < 2048; ++i) {
      EXPECT_TRUE(kernel->AllocateHidden().ok());
    }
    return kernel->direct_map().CountLeaves().at[0];
  };
  EXPECT_EQ(small_leaves(ConversionPolicy::kGrouped), 0u);
  EXPECT_EQ(small_leaves(ConversionPolicy::kAdhoc), 2048u);
}

TEST(ConversionPolicyTest, AChangeThatFailsGivesTheFrameBack) {
  TestKernel kernel(With(ConversionPolicy::kAdhoc));
  kernel->DrainLists();
  const auto live = kernel->frames().counters().live_frames;
  kernel.faults().FailAfter(FaultPoint::kTablePage, 0);
  EXPECT_FALSE(kernel->AllocateHidden().ok());
  kernel->DrainLists();
  EXPECT_EQ(kernel->frames().counters().live_frames, live);
}

}  // namespace
}  // namespace pageward::sim
