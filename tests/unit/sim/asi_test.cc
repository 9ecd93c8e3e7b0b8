#include "runtime/sim/asi.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using ptable::SetDirectMapTo;
using testing_support::ConfigOf;
using testing_support::TestKernel;

class RefusingTables final : public ptable::PtpSource {
 public:
  std::optional<PhysAddr> Allocate() override { return ++asked_, std::nullopt; }
  void Free(PhysAddr) override {}
  int asked() const { return asked_; }

 private:
  int asked_ = 0;
};

class RestrictedTableTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(restricted_.Create().ok()); }
  void TearDown() override {
    restricted_.table().CheckInvariants();
    kernel_->CheckInvariants();
    restricted_.Destroy();
    kernel_->CheckInvariants();
  }

  static KernelConfig Config() {
    KernelConfig config = ConfigOf(256 * TestKernel::kMiB);
    config.direct_map.is_global = false;
    return config;
  }
  FrameNumber Allocate(std::uint32_t tag) {
    const FrameNumber frame =
        *kernel_->frames().Allocate(Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable));
    kernel_->ram().Fill(frame, FillTag{tag});
    return frame;
  }
  static FrameRange Only(FrameNumber frame) { return FrameRange{frame, FrameCount(1)}; }
  std::optional<std::uint64_t> ReadRestricted(FrameNumber frame) {
    restricted_.Enter();
    const auto read = kernel_.ReadHome(frame);
    restricted_.Leave();
    return read;
  }

  TestKernel kernel_{Config()};
  RestrictedTable restricted_{*kernel_};
  AccountedTables tables_{kernel_->tables(), kernel_->ram(), kKernelAccount};
};

// Spec: T116
TEST_F(RestrictedTableTest, SensitiveFramesArePresentInOneTableAndAbsentInTheOther) {
  const FrameNumber open = Allocate(1);
  const FrameNumber sensitive = Allocate(2);
  ASSERT_TRUE(restricted_.Open(Only(open), tables_).ok());
  EXPECT_EQ(kernel_.ReadHome(sensitive), SimRam::PatternOf(FillTag{2}));
  EXPECT_EQ(ReadRestricted(open), SimRam::PatternOf(FillTag{1}));
  EXPECT_EQ(ReadRestricted(sensitive), std::nullopt);
  EXPECT_TRUE(restricted_.IsOpen(open));
  EXPECT_FALSE(restricted_.IsOpen(sensitive));
  restricted_.Close(Only(open));
}

// Spec: T116
TEST_F(RestrictedTableTest, AChangeOfTheDirectMapReachesBoth) {
  const FrameNumber frame = Allocate(1);
  ASSERT_TRUE(restricted_.Open(Only(frame), tables_).ok());
  ASSERT_EQ(ReadRestricted(frame), SimRam::PatternOf(FillTag{1}));
  ASSERT_TRUE(
      kernel_->direct_map().Change(Only(frame), SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
  EXPECT_EQ(kernel_.ReadHome(frame), std::nullopt);
  EXPECT_EQ(ReadRestricted(frame), std::nullopt);
  kernel_->direct_map().Restore(Only(frame), SetDirectMapTo::kDefault);
  EXPECT_EQ(ReadRestricted(frame), SimRam::PatternOf(FillTag{1}));
  restricted_.Close(Only(frame));
}

// Spec: T116
TEST_F(RestrictedTableTest, EnteringAndLeavingSwitchesTableAndPcidAndFlushesNothing) {
  const FrameNumber open = Allocate(1);
  ASSERT_TRUE(restricted_.Open(Only(open), tables_).ok());
  const std::uint64_t before = kernel_.cpu().registers().cr3;
  kernel_.TakeCounts();
  restricted_.Enter();
  EXPECT_TRUE(restricted_.IsEntered());
  EXPECT_EQ(kernel_.cpu().registers().pcid(), RestrictedTable::kPcid);
  restricted_.Leave();
  EXPECT_EQ(kernel_.cpu().registers().cr3, before);
  const Counts counts = kernel_.TakeCounts();
  EXPECT_EQ(counts[Primitive::kTableSwitch], 2u);
  EXPECT_EQ(counts[Primitive::kFullFlush], 0u);
  restricted_.Close(Only(open));
}

// Spec: T116
TEST_F(RestrictedTableTest, WhatOneTableHasCachedNeverServesTheOther) {
  const FrameNumber sensitive = Allocate(2);
  // Cached under the ordinary table, many times over.
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(kernel_.ReadHome(sensitive).has_value());
    EXPECT_EQ(ReadRestricted(sensitive), std::nullopt);
  }
  const FrameNumber open = Allocate(3);
  ASSERT_TRUE(restricted_.Open(Only(open), tables_).ok());
  ASSERT_TRUE(ReadRestricted(open).has_value());
  restricted_.Close(Only(open));
  EXPECT_EQ(ReadRestricted(open), std::nullopt) << "flushed under its own PCID";
}

// Spec: T117
TEST_F(RestrictedTableTest, WhatWasPreparedOpensWhereNothingCanBeAllocated) {
  const FrameNumber frame = Allocate(1);
  RefusingTables refusing;
  EXPECT_EQ(restricted_.Open(Only(frame), refusing).error(), Error::kNoMemory);
  EXPECT_FALSE(restricted_.IsOpen(frame));
  ASSERT_TRUE(restricted_.Prepare(Only(frame)).ok());
  const int asked = refusing.asked();
  EXPECT_TRUE(restricted_.Open(Only(frame), refusing).ok());
  EXPECT_EQ(refusing.asked(), asked) << "not even asked";
  EXPECT_TRUE(restricted_.IsOpen(frame));
  restricted_.Close(Only(frame));
}

// Spec: T117
TEST_F(RestrictedTableTest, OpeningThatFailsInTheMiddleOpensNothing) {
  const FrameNumber last = FirstFrameOf(BlockNumber(20)) - FrameCount(1);
  ASSERT_TRUE(restricted_.Prepare(Only(last)).ok());
  RefusingTables refusing;
  EXPECT_FALSE(restricted_.Open(FrameRange{last, FrameCount(2)}, refusing).ok());
  EXPECT_FALSE(restricted_.IsOpen(last));
}

// Spec: T118
TEST_F(RestrictedTableTest, ItsTablesAreTheKernelsAndAllGoBack) {
  const std::uint32_t before = kernel_->accounts().charges(kKernelAccount);
  RestrictedTable other(*kernel_);
  restricted_.Destroy();
  ASSERT_TRUE(other.Create().ok());
  ASSERT_TRUE(other.Prepare(FrameRange{FrameNumber(4096), FrameCount(5000)}).ok());
  EXPECT_GT(kernel_->accounts().charges(kKernelAccount), before + 8);
  other.Destroy();
  ASSERT_TRUE(restricted_.Create().ok());
  EXPECT_EQ(kernel_->accounts().charges(kKernelAccount), before);
}

}  // namespace
}  // namespace pageward::sim
