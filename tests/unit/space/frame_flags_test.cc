#include "runtime/space/frame_flags.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace pageward::space {
namespace {

constexpr std::uint32_t kFlags = 256;

class FrameFlagsTest : public testing::Test {
 protected:
  std::array<std::uint64_t, kFlags / 64> words_ = {};
  FrameFlags flags_{words_.data()};
};

// Every range of a small table against a plain vector.
TEST_F(FrameFlagsTest, AgreesWithAVectorOnEveryRange) {
  for (std::uint32_t begin = 0; begin < kFlags; begin += 7) {
    for (std::uint32_t end = begin; end <= kFlags; end += 5) {
      words_ = {};
      flags_.Set(begin, end);
      for (std::uint32_t i = 0; i < kFlags; ++i) {
        ASSERT_EQ(flags_.Test(i), i >= begin && i < end) << begin << " " << end << " " << i;
      }
      EXPECT_EQ(flags_.Count(0, kFlags), end - begin);
      EXPECT_EQ(flags_.Any(begin, end), end > begin);
      EXPECT_FALSE(flags_.Any(0, begin));
      EXPECT_EQ(flags_.Find(0, kFlags, true), end > begin ? begin : kFlags);
      EXPECT_EQ(flags_.Find(begin, kFlags, false), end);
      flags_.Clear(begin, end);
      EXPECT_EQ(flags_.Count(0, kFlags), 0u);
    }
  }
}

TEST_F(FrameFlagsTest, FindStopsAtTheEnd) {
  flags_.Set(100, 101);
  EXPECT_EQ(flags_.Find(0, 50, true), 50u);
  EXPECT_EQ(flags_.Find(50, 100, true), 100u);
  EXPECT_EQ(flags_.Find(100, 100, true), 100u);
}

TEST_F(FrameFlagsTest, ThreadsThatShareAWordLoseNothing) {
  const auto work = [this](std::uint32_t first) {
    for (int round = 0; round < 10000; ++round) {
      flags_.Set(first, first + 1);
      flags_.Clear(first, first + 1);
    }
    flags_.Set(first, first + 1);
  };
  std::thread other(work, 1);
  work(2);
  other.join();
  EXPECT_EQ(words_[0], 6u);
}

}  // namespace
}  // namespace pageward::space
