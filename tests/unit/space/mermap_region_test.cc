// What the conformance suite does not ask of every implementation.
#include "runtime/space/mermap_region.h"

#include <gtest/gtest.h>

#include "tests/support/space/fake_mermap_subject.h"

namespace pageward::space {
namespace {

using testing_support::FakeMermapSubject;

class MermapRegionTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(subject_.Prepare().ok()); }

  ViewHandle Get(std::uint32_t first) {
    return *subject_.region().Get({.first = FrameNumber(first)});
  }

  FakeMermapSubject subject_;
  MermapRegion& region_ = subject_.region();
};

// Spec: T62
TEST_F(MermapRegionTest, TearingDownCountsLiveViewsAndForgetsStaleOnes) {
  const ViewHandle stale = Get(1);
  ASSERT_TRUE(region_.Put(stale).ok());
  Get(2);
  Get(3);
  EXPECT_EQ(region_.TearDown(), 2u);
  EXPECT_EQ(region_.complaints(ViewComplaint::kLiveAtTeardown), 2u);
  EXPECT_EQ(region_.live_count(), 0u);
  EXPECT_FALSE(region_.HasStale());
  EXPECT_FALSE(subject_.stale().Contains(FrameNumber(1)));
}

TEST_F(MermapRegionTest, AFlushByOthersLeavesTheAddressesWhereTheyAre) {
  ASSERT_TRUE(region_.Put(Get(1)).ok());
  region_.NoteFlushed();
  EXPECT_FALSE(region_.HasStale());
  EXPECT_EQ(subject_.flushes(), 0u);
  EXPECT_EQ(Get(2).range().begin, FakeMermapSubject::kBase + kFrameBytes);
}

TEST_F(MermapRegionTest, ThePageOfTheReserveIsFlushedByItself) {
  const ViewRequest request{.first = FrameNumber(1)};
  ASSERT_TRUE(region_.Put(*region_.GetReserved(request)).ok());
  ASSERT_TRUE(region_.Put(Get(2)).ok());
  ASSERT_TRUE(region_.Put(*region_.GetReserved(request)).ok());
  EXPECT_EQ(subject_.flushes(), 1u);
  EXPECT_TRUE(subject_.stale().Contains(FrameNumber(2))) << "the others are still stale";
}

TEST_F(MermapRegionTest, AHandleOfAnotherRegionIsForeign) {
  FakeMermapSubject other;
  ASSERT_TRUE(other.Prepare().ok());
  const ViewHandle view = *other.region().Get({.first = FrameNumber(0)});
  EXPECT_EQ(region_.Put(view).error(), Error::kInvalid);
  EXPECT_EQ(region_.complaints(ViewComplaint::kForeignHandle), 1u);
  EXPECT_TRUE(other.region().Put(view).ok());
}

TEST_F(MermapRegionTest, WhatWasMappedForAMomentIsStaleUntilTheFlush) {
  subject_.FailNextMapping(1);
  ASSERT_FALSE(region_.Get({.first = FrameNumber(5), .bytes = 2 * kFrameBytes}).ok());
  EXPECT_TRUE(subject_.stale().Contains(FrameNumber(5)));
  region_.FlushStale();
  EXPECT_FALSE(subject_.stale().Contains(FrameNumber(5)));
}

TEST_F(MermapRegionTest, ComplaintsOfFreeAreCounted) {
  region_.ComplainOfFree();
  EXPECT_EQ(region_.complaints(ViewComplaint::kFreedWhileStale), 1u);
}

}  // namespace
}  // namespace pageward::space
