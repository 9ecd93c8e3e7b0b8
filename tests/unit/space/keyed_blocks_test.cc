// What a conversion does to the memory of a private zone, with keys that are remembered and take no
// rights.
#include "runtime/space/keyed_blocks.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"

namespace pageward::space {
namespace {

using frame::Freetype;
using frame::Mobility;
using frame::OwnerId;
using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::TryRead;
using testing_support::TryWrite;

constexpr std::uint64_t kZoneBytes = std::uint64_t{64} << 20;
constexpr std::uint32_t kTables[] = {PrivateZone::kFlagBytes, PrivateZone::kFlagBytes};
constexpr OwnerId kOwner{1};
constexpr OwnerId kOther{3};
constexpr arch::Pkey kKey(4);
constexpr Freetype kKeyed = Freetype::Keyed(kOwner);
constexpr Freetype kMapped = Freetype::Mapped(Mobility::kMovable);

class KeyedBlocksTest : public testing::Test {
 protected:
  KeyedBlocksTest() {
    os_.set_fakes_keys(true);
    const auto reservation = ZoneReservation::Make(os_, kZoneBytes, kZoneBytes, kTables);
    whole_ = reservation->whole();
    zone_.emplace(os_, keys_, *reservation, 0u, 1u, PrivateZone::Options{});
    blocks_.emplace(*zone_);
    EXPECT_TRUE(keys_.KeyFor(keys::KeyBroker::Purpose::kClosed).ok());
    EXPECT_TRUE(zone_->Grow(Backing::kSmallPages, 8).ok());
    blocks_->SetKey(kOwner, kKey);
  }
  ~KeyedBlocksTest() override { EXPECT_TRUE(os_.Unmap(whole_).ok()); }

  VirtAddr At(BlockNumber block) { return zone_->AddressOf(FirstFrameOf(block)); }
  VirtAddr LastOf(BlockRange blocks) {
    return zone_->AddressOf(blocks.frames().end() - FrameCount(1));
  }
  bool HasKey(BlockRange blocks, arch::Pkey key) {
    return os_.KeyAt(At(blocks.begin)) == key && os_.KeyAt(LastOf(blocks)) == key;
  }

  FaultyOs os_;
  keys::KeyBroker keys_{os_, keys::KeyUse::kIfPresent};
  VirtRange whole_;
  std::optional<PrivateZone> zone_;
  std::optional<KeyedBlocks> blocks_;
};

constexpr BlockRange kTwo{BlockNumber(2), 2};

TEST_F(KeyedBlocksTest, KeyedBlocksAreUsableAndCarryTheKeyOfTheirOwner) {
  ASSERT_TRUE(blocks_->SetVisibility(kTwo, kKeyed).ok());
  EXPECT_TRUE(HasKey(kTwo, kKey));
  EXPECT_EQ(TryWrite(LastOf(kTwo)), Access::kOk);
  EXPECT_TRUE(HasKey(BlockRange{BlockNumber(4), 1}, arch::kDefaultPkey));
}

TEST_F(KeyedBlocksTest, WithoutAKeyTheyAreUsableAndNothingMore) {
  ASSERT_TRUE(blocks_->SetVisibility(kTwo, Freetype::Keyed(kOther)).ok());
  EXPECT_TRUE(HasKey(kTwo, arch::kDefaultPkey));
  EXPECT_EQ(TryWrite(LastOf(kTwo)), Access::kOk);
}

TEST_F(KeyedBlocksTest, BlocksThatWereOutOfReachCanBeTouchedAgain) {
  static_cast<void>(zone_->MakeGone(kTwo.frames()));
  ASSERT_TRUE(blocks_->SetVisibility(kTwo, kKeyed).ok());
  EXPECT_EQ(TryWrite(At(kTwo.begin)), Access::kOk);
  EXPECT_TRUE(HasKey(kTwo, kKey));
  EXPECT_EQ(zone_->counters().gone_bytes, 0u);
}

TEST_F(KeyedBlocksTest, TheWayBackEmptiesThemAndPutsThemOutOfReach) {
  ASSERT_TRUE(blocks_->SetVisibility(kTwo, kKeyed).ok());
  ASSERT_EQ(TryWrite(At(kTwo.begin)), Access::kOk);
  ASSERT_TRUE(blocks_->Scrub(kTwo).ok());
  EXPECT_EQ(*At(kTwo.begin).AsPointer<volatile char>(), 0);
  ASSERT_TRUE(blocks_->SetVisibility(kTwo, kMapped).ok());
  EXPECT_NE(TryRead(At(kTwo.begin)), Access::kOk);
  EXPECT_TRUE(zone_->IsGone(kTwo.frames().begin));
  ASSERT_TRUE(zone_->MakeUsable(kTwo.frames()).ok());
  EXPECT_TRUE(HasKey(kTwo, arch::kDefaultPkey));
  EXPECT_EQ(TryWrite(LastOf(kTwo)), Access::kOk);
}

TEST_F(KeyedBlocksTest, MappingsAreCountedThereAndBack) {
  const std::uint64_t before = zone_->counters().mappings;
  ASSERT_TRUE(blocks_->SetVisibility(kTwo, kKeyed).ok());
  EXPECT_EQ(zone_->counters().mappings, before + 2);
  ASSERT_TRUE(blocks_->SetVisibility(kTwo, kMapped).ok());
  EXPECT_EQ(zone_->counters().mappings, before + 2) << "what is closed is a mapping, too";
  ASSERT_TRUE(zone_->MakeUsable(kTwo.frames()).ok());
  EXPECT_EQ(zone_->counters().mappings, before);
}

TEST_F(KeyedBlocksTest, AFailureOnTheWayThereLeavesNoKeyBehind) {
  os_.FailProtectHalfway();
  EXPECT_EQ(blocks_->SetVisibility(kTwo, kKeyed).error(), Error::kTooManyMappings);
  blocks_->RestoreVisibility(kTwo, kMapped);
  EXPECT_TRUE(zone_->IsGone(kTwo.frames().begin));
  ASSERT_TRUE(zone_->MakeUsable(kTwo.frames()).ok());
  EXPECT_TRUE(HasKey(kTwo, arch::kDefaultPkey));
}

TEST_F(KeyedBlocksTest, AFailureOnTheWayBackLeavesTheWholeKey) {
  ASSERT_TRUE(blocks_->SetVisibility(kTwo, kKeyed).ok());
  os_.FailProtectHalfway();
  EXPECT_EQ(blocks_->SetVisibility(kTwo, kMapped).error(), Error::kTooManyMappings);
  blocks_->RestoreVisibility(kTwo, kKeyed);
  EXPECT_TRUE(HasKey(kTwo, kKey));
  EXPECT_EQ(TryWrite(At(kTwo.begin)), Access::kOk);
  EXPECT_EQ(TryWrite(LastOf(kTwo)), Access::kOk);
  EXPECT_FALSE(zone_->IsGone(kTwo.frames().begin));
}

TEST_F(KeyedBlocksTest, BlocksThatHugePagesBackGetSmallOnesForAsLongAsTheyAreKeyed) {
  const Result<BlockRange> large = zone_->Grow(Backing::kHugePages, 2);
  ASSERT_TRUE(large.ok());
  const std::uint32_t calls = os_.faults().CallsOf(FaultyOs::Kind::kAdvise);
  ASSERT_TRUE(blocks_->SetVisibility(*large, kKeyed).ok());
  EXPECT_EQ(os_.faults().CallsOf(FaultyOs::Kind::kAdvise), calls + 1);
  ASSERT_TRUE(blocks_->SetVisibility(*large, kMapped).ok());
  EXPECT_EQ(os_.faults().CallsOf(FaultyOs::Kind::kAdvise), calls + 2);
}

#if PW_FRAME_UNMAPPED
TEST_F(KeyedBlocksTest, PrivateMemoryCannotBeUnmapped) {
  EXPECT_EQ(blocks_->SetVisibility(kTwo, Freetype::Unmapped()).error(), Error::kUnsupported);
}
#endif

}  // namespace
}  // namespace pageward::space
