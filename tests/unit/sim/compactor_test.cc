#include "runtime/sim/compactor.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using frame::Mobility;
using frame::Request;
using testing_support::ConfigOf;
using testing_support::TestKernel;

// Keeps who is where, and moves when asked.
class Mover final : public FrameMover {
 public:
  explicit Mover(Kernel& kernel) : kernel_(kernel) {}

  bool Move(FrameNumber from, FrameNumber to, FrameUser user) override {
    if (refuses_) {
      return false;
    }
    kernel_.ram().Copy(from, to);
    kernel_.users().Remove(from);
    kernel_.users().Add(to, user);
    ++moves_;
    return true;
  }
  void Refuse() { refuses_ = true; }
  int moves() const { return moves_; }

 private:
  Kernel& kernel_;
  bool refuses_ = false;
  int moves_ = 0;
};

class CompactorTest : public testing::Test {
 protected:
  CompactorTest() { kernel_->compactor().UseMover(&mover_); }
  void TearDown() override { kernel_->CheckInvariants(); }

  // Uses one movable frame in each pageblock and leaves the rest free.
  void Fragment() {
    std::vector<FrameNumber> all;
    for (;;) {
      const auto frame = kernel_->frames().Allocate(Order(0), Request::Mapped(Mobility::kMovable));
      if (!frame.ok()) {
        break;
      }
      all.push_back(*frame);
    }
    for (const FrameNumber frame : all) {
      if (frame.index_in_block() == 100) {
        kernel_->users().Add(frame, FrameUser{ProcessNumber{1}, VirtAddr(0x1000)});
        kernel_->ram().Fill(frame, FillTag{frame.block().value + 1});
        kept_.push_back(frame);
      } else {
        kernel_->frames().Free(frame, Order(0));
      }
    }
  }

  TestKernel kernel_{ConfigOf(64 * TestKernel::kMiB)};
  Mover mover_{*kernel_};
  std::vector<FrameNumber> kept_;
};

// Spec: T42
TEST_F(CompactorTest, AnUnmappedRequestInAFragmentedZoneGetsItsWholeBlock) {
  Fragment();
  ASSERT_EQ(kernel_->frames().counters().free_blocks[frame::Visibility::kMapped], 0u);
  const auto frame = kernel_->frames().Allocate(Order(0), Request::Unmapped());
  ASSERT_TRUE(frame.ok());
  EXPECT_FALSE(kernel_.IsReachable(*frame));
  EXPECT_EQ(mover_.moves(), 1);
  EXPECT_EQ(kernel_->compactor().moved_frames(), 1u);
  EXPECT_EQ(kernel_->frames().counters().compactions, 1u);
}

// Spec: T42
TEST_F(CompactorTest, AMappedRequestDoesNotCompact) {
  Fragment();
  EXPECT_FALSE(
      kernel_->frames().Allocate(kPageblockOrder, Request::Mapped(Mobility::kUnmovable)).ok());
  EXPECT_EQ(kernel_->frames().counters().compactions, 0u);
}

TEST_F(CompactorTest, WhatIsMovedIsTheSameAfterwards) {
  Fragment();
  ASSERT_TRUE(kernel_->frames().Allocate(kPageblockOrder, Request::Unmapped()).ok());
  std::map<std::uint64_t, int> seen;
  for (std::uint32_t frame = 0; frame < 32 * kPageblockFrames; ++frame) {
    if (kernel_->users().count(FrameNumber(frame)) > 0) {
      ++seen[kernel_->ram().Load(kernel_->ram().AddressOf(FrameNumber(frame)))];
    }
  }
  EXPECT_EQ(seen.size(), kept_.size());
}

TEST_F(CompactorTest, WhatSeveralMapOrNobodyKnowsStaysAndSoDoesItsBlock) {
  Fragment();
  for (const FrameNumber frame : kept_) {
    kernel_->users().Add(frame, FrameUser{ProcessNumber{2}, VirtAddr(0x1000)});
  }
  EXPECT_FALSE(kernel_->frames().Allocate(Order(0), Request::Unmapped()).ok());
  EXPECT_EQ(mover_.moves(), 0);
}

TEST_F(CompactorTest, AMoveThatIsRefusedLeavesEverythingInItsPlace) {
  Fragment();
  mover_.Refuse();
  const auto before = kernel_->frames().counters();
  EXPECT_FALSE(kernel_->frames().Allocate(Order(0), Request::Unmapped()).ok());
  const auto after = kernel_->frames().counters();
  EXPECT_EQ(after.live_frames, before.live_frames);
  EXPECT_EQ(after.isolated_frames, FrameCount(0));
}

}  // namespace
}  // namespace pageward::sim
