#include "runtime/frame/pageblock_converter.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/frame/fake_converter.h"

namespace pageward::frame {
namespace {

using testing_support::FakeConverter;
using Kind = FakeConverter::Kind;
using Steps = std::vector<FakeConverter::Step>;

constexpr Freetype kMapped = Freetype::Mapped(Mobility::kUnmovable);
constexpr Freetype kUnmapped = Freetype::Unmapped();
constexpr Freetype kKeyed = Freetype::Keyed(OwnerId(7));
constexpr BlockRange kBlocks{BlockNumber(2), 4};

class PageblockConverterTest : public testing::Test {
 protected:
  Status Convert(Freetype from, Freetype to) {
    return ConvertPageblocks(converter_, kBlocks, from, to, steps_);
  }
  void Start(Freetype type) {
    ASSERT_TRUE(converter_.SetVisibility(kBlocks, type).ok());
    converter_.Flush(kBlocks);
    converter_.ForgetSteps();
  }

  FakeConverter converter_{8};
  ConversionSteps steps_;
};

// Spec: T21
TEST_F(PageblockConverterTest, TakingAMappingAwayEndsInOneFlushOfTheWholeRange) {
  ASSERT_TRUE(Convert(kMapped, kUnmapped).ok());
  EXPECT_EQ(converter_.steps(),
            (Steps{{Kind::kSet, kBlocks, kUnmapped}, {Kind::kFlush, kBlocks, {}}}));
  EXPECT_EQ(steps_.flushes, 1u);
  EXPECT_FALSE(converter_.IsPresent(FirstFrameOf(kBlocks.begin)));
}

// Spec: T21, T31
TEST_F(PageblockConverterTest, MappingScrubsFirstAndFlushesNothing) {
  Start(kUnmapped);
  ASSERT_TRUE(Convert(kUnmapped, kMapped).ok());
  EXPECT_EQ(converter_.steps(),
            (Steps{{Kind::kScrub, kBlocks, {}}, {Kind::kSet, kBlocks, kMapped}}));
  EXPECT_EQ(steps_.flushes, 0u);
  EXPECT_EQ(steps_.scrubs, 1u);
}

TEST_F(PageblockConverterTest, FramesNeverCrossOwnersUnscrubbed) {
  Start(kKeyed);
  const Freetype other = Freetype::Keyed(OwnerId(8));
  ASSERT_TRUE(Convert(kKeyed, other).ok());
  EXPECT_EQ(converter_.steps(), (Steps{{Kind::kScrub, kBlocks, {}},
                                       {Kind::kSet, kBlocks, other},
                                       {Kind::kFlush, kBlocks, {}}}));
}

TEST_F(PageblockConverterTest, UnmappedBecomesKeyedScrubbedAndFlushed) {
  Start(kUnmapped);
  ASSERT_TRUE(Convert(kUnmapped, kKeyed).ok());
  EXPECT_EQ(steps_.scrubs, 1u);
  EXPECT_EQ(steps_.flushes, 1u);
}

// Spec: T30
TEST_F(PageblockConverterTest, APartialFailureRestoresAllBlocks) {
  converter_.FailSetAfterBlocks(3, Error::kTooManyMappings);
  EXPECT_EQ(Convert(kMapped, kUnmapped).error(), Error::kTooManyMappings);
  EXPECT_EQ(converter_.steps(),
            (Steps{{Kind::kSet, kBlocks, kUnmapped}, {Kind::kRestore, kBlocks, kMapped}}));
  EXPECT_EQ(converter_.PresentFrames(), 8 * kPageblockFrames);
}

TEST_F(PageblockConverterTest, WhatWasOpenForAMomentIsFlushedAfterAFailure) {
  Start(kUnmapped);
  converter_.FailSetAfterBlocks(2, Error::kNoMemory);
  EXPECT_EQ(Convert(kUnmapped, kMapped).error(), Error::kNoMemory);
  EXPECT_EQ(converter_.PresentFrames(), 4 * kPageblockFrames);
  EXPECT_EQ(steps_.flushes, 1u);
}

TEST_F(PageblockConverterTest, NothingIsExposedIfScrubbingFails) {
  Start(kUnmapped);
  converter_.FailAfter(0, Error::kNoMemory);
  EXPECT_EQ(Convert(kUnmapped, kMapped).error(), Error::kNoMemory);
  EXPECT_EQ(converter_.steps(), (Steps{{Kind::kScrub, kBlocks, {}}}));
  EXPECT_EQ(steps_.scrubs, 0u);
}

}  // namespace
}  // namespace pageward::frame
