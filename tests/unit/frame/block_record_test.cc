#include "runtime/frame/block_record.h"

#include <gtest/gtest.h>

#include "tests/support/frame/fake_converter.h"

namespace pageward::frame {
namespace {

TEST(BlockRecordTest, ZeroIsNotManaged) {
  EXPECT_FALSE(BlockFlags().is_managed());
  EXPECT_EQ(BlockFlags().word(), 0u);
  const BlockRecord record{};
  EXPECT_FALSE(FlagsOf(record).is_managed());
  EXPECT_EQ(LeafOf(record), nullptr);
}

TEST(BlockRecordTest, ABlockComesInMovableAndMapped) {
  const BlockFlags flags = BlockFlags::Managed();
  EXPECT_TRUE(flags.is_managed());
  EXPECT_EQ(flags.freetype(), Freetype::Mapped(Mobility::kMovable));
  EXPECT_FALSE(flags.is_skipped());
  EXPECT_FALSE(flags.is_isolated());
  EXPECT_FALSE(flags.is_converting());
}

TEST(BlockRecordTest, EachFlagIsIndependentOfAllOthers) {
  const BlockFlags all = BlockFlags::Managed()
                             .WithFreetype(Freetype::Keyed(OwnerId(0xffff)))
                             .WithSkipped(true)
                             .WithIsolated(true)
                             .WithConverting(true);
  EXPECT_EQ(all.WithSkipped(false).WithSkipped(true), all);
  EXPECT_EQ(all.WithIsolated(false).WithIsolated(true), all);
  EXPECT_EQ(all.WithConverting(false).WithConverting(true), all);
  EXPECT_EQ(all.WithMobility(Mobility::kMovable).WithMobility(Mobility::kUnmovable), all);
  EXPECT_TRUE(all.WithSkipped(false).is_isolated());
  EXPECT_EQ(all.WithIsolated(false).freetype(), Freetype::Keyed(OwnerId(0xffff)));
}

TEST(BlockRecordTest, EveryFreetypeFits) {
  for (std::size_t index = 0; index < kCentralTypeCount; ++index) {
    const Freetype type = FreetypeAt(FreetypeIndex(index));
    EXPECT_EQ(BlockFlags::Managed().WithFreetype(type).freetype(), type);
  }
}

}  // namespace
}  // namespace pageward::frame
