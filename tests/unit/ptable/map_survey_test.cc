#include "runtime/ptable/map_survey.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::TestTable;

template <typename Format>
class MapSurveyTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;

  // From the words of the contract: the largest level with leaves whose size divides both addresses
  // and is not more than what is left.
  static unsigned SlowLeafLevel(const MapRequest& request, unsigned existing) {
    unsigned best = 0;
    for (unsigned level = 0; level < Format::kLevels; ++level) {
      const std::uint64_t bytes = Shape::Bytes(level);
      if (Format::HasLeaves(level) && level <= existing && level <= request.largest_level &&
          request.range.begin.value() % bytes == 0 && request.frame.value() % bytes == 0 &&
          request.range.bytes >= bytes) {
        best = level;
      }
    }
    return best;
  }

  // Counts the tables of an empty tree as a set of (level, which).
  static std::uint64_t SlowCount(MapRequest request) {
    std::set<std::pair<unsigned, std::uint64_t>> tables;
    while (request.range.bytes > 0) {
      const unsigned level = SlowLeafLevel(request, Shape::kTopLevel);
      for (unsigned table = level; table < Shape::kTopLevel; ++table) {
        tables.emplace(table, request.range.begin.value() / Shape::Bytes(table + 1));
      }
      request = WithoutFirst(request, Shape::Bytes(level));
    }
    return tables.size();
  }

  TestTable<Format> test_;
};
TYPED_TEST_SUITE(MapSurveyTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(MapSurveyTest, ChoosesTheLeafThatTheContractDescribes) {
  auto& test = this->test_;
  const std::uint64_t small = kFrameBytes;
  const std::uint64_t large = Geometry<TypeParam>::Bytes(1);
  for (const std::uint64_t at : {std::uint64_t{0}, small, large, large - small, 512 * large}) {
    for (const std::uint64_t frame : {std::uint64_t{0}, small, large, 512 * large}) {
      for (const std::uint64_t bytes : {small, large - small, large, 512 * large, 513 * large}) {
        const MapRequest request{VirtRange{VirtAddr(at), bytes}, test.kFrames + frame};
        const MapSurvey survey(test.table(), request);
        for (unsigned existing = 0; existing < TypeParam::kLevels; ++existing) {
          EXPECT_EQ(survey.LeafLevel(request, existing), this->SlowLeafLevel(request, existing))
              << at << ' ' << frame << ' ' << bytes << ' ' << existing;
        }
      }
    }
  }
}

TYPED_TEST(MapSurveyTest, TheLargestLevelAskedForIsKept) {
  auto& test = this->test_;
  for (unsigned largest = 0; largest < TypeParam::kLevels; ++largest) {
    const MapRequest request{VirtRange{VirtAddr(0), std::uint64_t{1} << 31}, test.kFrames,
                             LeafAttributes{}, largest};
    EXPECT_EQ(MapSurvey(test.table(), request).LeafLevel(request, TypeParam::kLevels - 1),
              this->SlowLeafLevel(request, TypeParam::kLevels - 1));
  }
}

TYPED_TEST(MapSurveyTest, CountsEachMissingTableOnce) {
  auto& test = this->test_;
  const std::uint64_t large = Geometry<TypeParam>::Bytes(1);
  for (const VirtRange half : TestTable<TypeParam>::Halves()) {
    for (const VirtRange range :
         {VirtRange{half.begin, kFrameBytes}, VirtRange{half.end() - 3 * large, 3 * large},
          VirtRange{half.begin + (512 * large - kFrameBytes), 2 * kFrameBytes},
          VirtRange{half.begin + (large - kFrameBytes), 3 * large},
          VirtRange{half.begin + 511 * large, 514 * large}}) {
      const MapRequest request{range, test.kFrames + range.begin.value() % (512 * large)};
      const Result<std::uint64_t> count = MapSurvey(test.table(), request).CountTables();
      ASSERT_TRUE(count.ok());
      EXPECT_EQ(*count, this->SlowCount(request)) << range.begin.value() << ' ' << range.bytes;
    }
  }
}

TYPED_TEST(MapSurveyTest, TablesThatAreThereAreNotCounted) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{VirtAddr(0), kFrameBytes}, test.kFrames).ok());
  const MapRequest beside{VirtRange{VirtAddr(kFrameBytes), kFrameBytes}, test.kFrames};
  EXPECT_EQ(*MapSurvey(test.table(), beside).CountTables(), 0u);
  const MapRequest next{VirtRange{VirtAddr(Geometry<TypeParam>::Bytes(1)), kFrameBytes},
                        test.kFrames};
  EXPECT_EQ(*MapSurvey(test.table(), next).CountTables(), 1u);
}

TYPED_TEST(MapSurveyTest, AnythingMappedInTheRangeIsInUse) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{VirtAddr(0x7000), kFrameBytes}, test.kFrames).ok());
  const MapRequest over{VirtRange{VirtAddr(0), 0x10000}, test.kFrames};
  EXPECT_EQ(MapSurvey(test.table(), over).CountTables().error(), Error::kInUse);
}

TYPED_TEST(MapSurveyTest, WhatMakesNoSenseIsInvalid) {
  auto& test = this->test_;
  const auto error_of = [&](VirtRange range, PhysAddr frame) {
    const MapRequest request{range, frame};
    const Result<std::uint64_t> count = MapSurvey(test.table(), request).CountTables();
    return count.ok() ? Error::kUnsupported : count.error();
  };
  const VirtRange page{VirtAddr(0x1000), kFrameBytes};
  EXPECT_EQ(error_of(VirtRange{page.begin, 0}, test.kFrames), Error::kInvalid);
  EXPECT_EQ(error_of(VirtRange{page.begin + 1, kFrameBytes}, test.kFrames), Error::kInvalid);
  EXPECT_EQ(error_of(page, test.kFrames + 8), Error::kInvalid);
  EXPECT_EQ(error_of(page, PhysAddr(std::uint64_t{1} << 50)), Error::kInvalid);
  EXPECT_EQ(error_of(VirtRange{page.begin, 0x2000}, PhysAddr(0 - kFrameBytes)), Error::kInvalid);
  const VirtRange half = TestTable<TypeParam>::Halves().front();
  EXPECT_EQ(error_of(VirtRange{half.end() - kFrameBytes, 2 * kFrameBytes}, test.kFrames),
            Error::kInvalid);
}

TYPED_TEST(MapSurveyTest, MissingTablesOfALevelAreCountedOnce) {
  auto& test = this->test_;
  const std::uint64_t large = Geometry<TypeParam>::Bytes(1);
  const VirtRange three{VirtAddr(large - kFrameBytes), large + 2 * kFrameBytes};
  EXPECT_EQ(*CountMissingTables(test.table(), three, 0), 3 + (TypeParam::kLevels - 2));
  EXPECT_EQ(*CountMissingTables(test.table(), three, 1), TypeParam::kLevels - 2);
  ASSERT_TRUE(test.Map(VirtRange{VirtAddr(large), large}, test.kFrames).ok());
  EXPECT_EQ(CountMissingTables(test.table(), three, 0).error(), Error::kInUse);
  EXPECT_EQ(*CountMissingTables(test.table(), three, 1), 0u);
}

}  // namespace
}  // namespace pageward::ptable
