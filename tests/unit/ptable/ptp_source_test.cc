// The interface as its implementations are used: the fake, which every test here relies on.
#include "runtime/ptable/ptp_source.h"

#include <gtest/gtest.h>

#include "tests/support/ptable/fake_ptp_source.h"

namespace pageward::ptable {
namespace {

using testing_support::FakePtpSource;
using testing_support::FakeTableMemory;

TEST(PtpSourceTest, PagesAreZeroWhateverTheyHeldWhenTheyCameBack) {
  FakeTableMemory memory(4);
  FakePtpSource source(memory);
  const std::optional<PhysAddr> page = source.Allocate();
  ASSERT_TRUE(page);
  EXPECT_TRUE(memory.IsFilledWith(*page, 0));
  memory.Store(*page + 8, 77);
  source.Free(*page);
  EXPECT_TRUE(memory.IsFilledWith(*page, FakePtpSource::kPoison));
  ASSERT_EQ(source.Allocate(), page);
  EXPECT_TRUE(memory.IsFilledWith(*page, 0));
}

TEST(PtpSourceTest, RunningOutIsAnAnswer) {
  FakeTableMemory memory(3);
  FakePtpSource source(memory);
  EXPECT_TRUE(source.Allocate());
  source.FailAfter(0);
  EXPECT_FALSE(source.Allocate());
  source.StopFailing();
  EXPECT_TRUE(source.Allocate());
  EXPECT_FALSE(source.Allocate());
  EXPECT_EQ(source.outside(), 2u);
}

TEST(NoPtpSourceTest, ThereIsNever) {
  NoPtpSource none;
  EXPECT_FALSE(none.Allocate());
}

TEST(NoPtpSourceDeathTest, NothingComesBackToIt) {
  NoPtpSource none;
  EXPECT_DEATH(none.Free(PhysAddr(0x5000)), "0x5000");
}

}  // namespace
}  // namespace pageward::ptable
