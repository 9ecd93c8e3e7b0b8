#include "runtime/domain/run_record.h"

#include <gtest/gtest.h>

namespace pageward::domain {
namespace {

TEST(RunRecordTest, EverySlabHasRoomForObjectsAndARecordForAllOfThem) {
  for (std::size_t i = 0; i < object::kSlabClassCount; ++i) {
    const object::SizeClass size_class(i);
    const unsigned capacity = SlabCapacityOf(size_class);
    EXPECT_GE(capacity, 1u);
    EXPECT_LE(capacity, RunRecord::kMostObjects);
    EXPECT_LE(capacity * object::BytesOf(size_class), SlabFramesOf(size_class).bytes());
  }
}

TEST(RunRecordTest, NoSlabWastesMoreThanAQuarter) {
  for (std::size_t i = 0; i < object::kSlabClassCount; ++i) {
    const object::SizeClass size_class(i);
    const std::uint64_t bytes = SlabFramesOf(size_class).bytes();
    const std::uint64_t used = SlabCapacityOf(size_class) * object::BytesOf(size_class);
    EXPECT_LE((bytes - used) * 4, bytes) << object::BytesOf(size_class);
  }
}

TEST(RunRecordTest, ASmallSecretCostsAFewBytesOfBookkeeping) {
  const object::SizeClass size_class = object::ClassFor(32);
  EXPECT_LE(sizeof(RunRecord) / SlabCapacityOf(size_class), 1u);
}

}  // namespace
}  // namespace pageward::domain
