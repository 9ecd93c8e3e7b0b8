// The layer built without unmapped memory. A program of its own, because the types differ.
#include <gtest/gtest.h>

#include <vector>

#include "runtime/frame/page_allocator.h"

namespace pageward::frame {
namespace {

static_assert(PW_FRAME_UNMAPPED == 0);

class OneLeaf final : public LeafSource {
 public:
  FrameLeaf* Allocate(BlockNumber) override { return &leaf_; }
  void Free(BlockNumber, FrameLeaf*) override {}

 private:
  FrameLeaf leaf_{};
};

class NoMappings final : public PageblockConverter {
 public:
  bool CanConvert() const override { return true; }
  Status Scrub(BlockRange) override { return {}; }
  Status SetVisibility(BlockRange, Freetype) override { return {}; }
  void RestoreVisibility(BlockRange, Freetype) override {}
  void Flush(BlockRange) override {}
};

// Spec: T4
TEST(WithoutUnmappedTest, ThereAreAsManyListsAsMobilities) {
  EXPECT_EQ(kCentralTypeCount, kMobilityCount);
  EXPECT_EQ(kVisibilityCount, 2u);
  EXPECT_EQ(ThreadListIndex::kCount, kMobilityCount * ThreadListIndex::kOrdersPerBank);
  for (std::size_t value = 0; value < kCentralTypeCount; ++value) {
    EXPECT_EQ(FreetypeAt(FreetypeIndex(value)), Freetype::Mapped(static_cast<Mobility>(value)));
  }
}

// Spec: T4
TEST(WithoutUnmappedTest, TheNumberThatUnmappedWouldHaveIsNoRequest) {
  const Freetype forged{Mobility::kUnmovable, static_cast<Visibility>(kVisibilityCount), kNoOwner};
  EXPECT_FALSE(IndexOf(forged).has_value());
  EXPECT_EQ(Validate(Request(forged, nullptr, {})).error(), Error::kInvalid);
}

TEST(WithoutUnmappedTest, MappedAndKeyedMemoryWorkAsEver) {
  std::vector<BlockRecord> records(2);
  OneLeaf leaf;
  NoMappings converter;
  PageAllocator allocator(records, {leaf, converter, nullptr});
  allocator.AddBlocks(BlockRange{BlockNumber(0), 2});
  OwnerLists owner(OwnerId(1));
  allocator.RegisterOwner(owner);
  const auto keyed = allocator.Allocate(kPageblockOrder, Request::Keyed(owner));
  const auto mapped = allocator.Allocate(Order(0), Request::Mapped(Mobility::kMovable));
  ASSERT_TRUE(keyed.ok());
  ASSERT_TRUE(mapped.ok());
  EXPECT_NE(keyed->block(), mapped->block());
  allocator.Free(*mapped, Order(0));
  allocator.Free(*keyed, kPageblockOrder);
  EXPECT_EQ(allocator.ReturnFreeBlocks(Request::Keyed(owner)), 1u);
  EXPECT_TRUE(allocator.UnregisterOwner(owner).ok());
  allocator.CheckInvariantsAtRest();
}

}  // namespace
}  // namespace pageward::frame
