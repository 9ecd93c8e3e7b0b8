#include "runtime/object/object_map.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace pageward::object {
namespace {

constexpr std::uint64_t kBytes = 1 << 20;
constexpr std::uint64_t kBase = 0x5000'0000'0000;

class ObjectMapTest : public testing::Test {
 protected:
  static const void* At(std::uint64_t offset) { return VirtAddr(kBase + offset).AsPointer(); }

  void MakeLive(std::uint64_t offset, std::size_t bytes) {
    const FrameClass frame_class = FrameClassOf(ClassFor(bytes));
    map_.SetClassAt(At(offset), frame_class);
    map_.SetLive(At(offset), frame_class);
  }

  // What the heap does with every pointer that it is given.
  bool IsLiveObject(const void* pointer) const {
    if (!map_.IsPlausible(pointer)) {
      return false;
    }
    const FrameClass frame_class = map_.ClassAt(pointer);
    return frame_class != FrameClass::kNone && map_.IsLive(pointer, frame_class);
  }

  using Table = std::vector<std::uint8_t>;
  static Table LiveTable(unsigned table) { return Table(ObjectMap::LiveBytesFor(table, kBytes)); }

  Table classes_ = Table(ObjectMap::ClassBytesFor(kBytes));
  Table live_[ObjectMap::kLiveTableCount] = {LiveTable(0), LiveTable(1), LiveTable(2), LiveTable(3),
                                             LiveTable(4)};
  ObjectMap map_{
      VirtRange{VirtAddr(kBase), kBytes},
      classes_.data(),
      {live_[0].data(), live_[1].data(), live_[2].data(), live_[3].data(), live_[4].data()}};
};

TEST_F(ObjectMapTest, OnlyMultiplesOfAGranuleInsideTheRangeArePlausible) {
  EXPECT_TRUE(map_.IsPlausible(At(0)));
  EXPECT_TRUE(map_.IsPlausible(At(kBytes - 16)));
  EXPECT_FALSE(map_.IsPlausible(At(kBytes)));
  EXPECT_FALSE(map_.IsPlausible(At(std::uint64_t{0} - 16)));
  EXPECT_FALSE(map_.IsPlausible(nullptr));
  for (std::uint64_t low = 1; low < 16; ++low) {
    EXPECT_FALSE(map_.IsPlausible(At(64 + low))) << low;
  }
}

TEST_F(ObjectMapTest, AnEmptyMapFindsNothingPlausible) {
  const ObjectMap empty;
  EXPECT_FALSE(empty.IsPlausible(nullptr));
  EXPECT_FALSE(empty.IsPlausible(At(0)));
}

// Each class, packed from a page boundary on as a slab packs it: exactly the starts are live.
TEST_F(ObjectMapTest, ExactlyTheStartsOfLiveObjectsAreLive) {
  for (std::size_t index = 0; index < kSizeClassCount; ++index) {
    const std::size_t bytes = BytesOf(SizeClass(index));
    const std::uint64_t slab = 16 * kFrameBytes;
    for (std::uint64_t at = slab; at + bytes <= slab + 12 * kFrameBytes; at += bytes) {
      MakeLive(at, bytes);
    }
    for (std::uint64_t at = slab; at + bytes <= slab + 12 * kFrameBytes; at += kGranuleBytes) {
      ASSERT_EQ(IsLiveObject(At(at)), (at - slab) % bytes == 0) << bytes << " at +" << at - slab;
    }
    for (std::uint64_t at = slab; at + bytes <= slab + 12 * kFrameBytes; at += bytes) {
      map_.SetDead(At(at), map_.ClassAt(At(at)));
    }
    for (std::uint64_t at = slab; at < slab + 12 * kFrameBytes; at += kGranuleBytes) {
      ASSERT_FALSE(IsLiveObject(At(at)));
    }
  }
}

TEST_F(ObjectMapTest, AnObjectIsTakenBackOnce) {
  for (const std::size_t bytes : {16u, 64u, 512u, 14336u}) {
    MakeLive(8192, bytes);
    EXPECT_TRUE(map_.TrySetDead(At(8192), map_.ClassAt(At(8192)))) << bytes;
    EXPECT_FALSE(map_.TrySetDead(At(8192), map_.ClassAt(At(8192)))) << bytes;
    EXPECT_FALSE(IsLiveObject(At(8192)));
  }
}

TEST_F(ObjectMapTest, NeighboursDoNotDisturbEachOther) {
  MakeLive(0, 64);
  MakeLive(64, 64);
  map_.SetDead(At(0), map_.ClassAt(At(0)));
  EXPECT_FALSE(IsLiveObject(At(0)));
  EXPECT_TRUE(IsLiveObject(At(64)));
}

TEST_F(ObjectMapTest, AFrameMayChangeItsClassOnceItsObjectsAreDead) {
  MakeLive(4096, 48);
  map_.SetDead(At(4096), map_.ClassAt(At(4096)));
  map_.SetClassAt(At(4096), FrameClass::kUncached);
  EXPECT_FALSE(IsLiveObject(At(4096)));
  map_.SetLive(At(4096 + 128), FrameClass::kUncached);
  EXPECT_TRUE(IsLiveObject(At(4096 + 128)));
}

TEST_F(ObjectMapTest, FindsTheObjectThatAPointerPointsInto) {
  MakeLive(8192, 14336);
  MakeLive(8192 + 14336, 14336);
  EXPECT_EQ(map_.FindObjectAround(At(8192 + 14335)), At(8192));
  EXPECT_EQ(map_.FindObjectAround(At(8192)), At(8192));
  EXPECT_EQ(map_.FindObjectAround(At(8192 + 14336 + 5)), At(8192 + 14336));
  EXPECT_EQ(map_.FindObjectAround(At(8192 + 2 * 14336)), std::nullopt);
  EXPECT_EQ(map_.FindObjectAround(At(8191)), std::nullopt);
  EXPECT_EQ(map_.FindObjectAround(At(0)), std::nullopt);
  EXPECT_EQ(map_.FindObjectAround(At(kBytes)), std::nullopt);
}

// Two threads work on every other object of one frame; under the thread sanitizer this also shows
// that the bytes are accessed atomically.
TEST_F(ObjectMapTest, ThreadsMayWorkOnNeighbouringObjects) {
  const FrameClass frame_class = FrameClassOf(ClassFor(16));
  map_.SetClassAt(At(0), frame_class);
  const auto work = [&](std::uint64_t first) {
    for (int round = 0; round < 2000; ++round) {
      for (std::uint64_t at = first; at < kFrameBytes; at += 32) {
        map_.SetLive(At(at), frame_class);
      }
      for (std::uint64_t at = first; at < kFrameBytes; at += 32) {
        if (round % 2 == 0 || at % 64 == first) {
          map_.SetDead(At(at), frame_class);
        }
      }
    }
  };
  std::thread other(work, 16);
  work(0);
  other.join();
  for (std::uint64_t at = 0; at < kFrameBytes; at += 16) {
    // The last round left the upper half of each 64 bytes alive.
    EXPECT_EQ(IsLiveObject(At(at)), at % 64 >= 32) << at;
  }
}

}  // namespace
}  // namespace pageward::object
