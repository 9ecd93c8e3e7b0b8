// Several threads at once, with conversions under way and some of them failing.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::AttachedLists;
using testing_support::FakeConverter;
using testing_support::TestZone;

constexpr std::uint32_t kBlocks = 12;
constexpr int kThreads = 4;
constexpr int kStepsPerThread = 4000;

struct Block {
  FrameNumber frame;
  Order order;
  Freetype type;
};

class StressTest : public testing::Test {
 protected:
  StressTest() : taken_(kBlocks * 512) {
    allocator_.set_walk_interval(257);
    allocator_.RegisterOwner(owner_);
    // Lets others run while blocks are between two freetypes.
    zone_.converter().set_observer([](const FakeConverter::Step&) { std::this_thread::yield(); });
  }
  ~StressTest() override {
    zone_.converter().StopFailing();
    zone_.FreeAllRuns();
    allocator_.ReturnFreeBlocks(Request::Keyed(owner_));
    EXPECT_TRUE(allocator_.UnregisterOwner(owner_).ok());
    allocator_.CheckInvariantsAtRest();
  }

  // Notes the frames of a block as taken, which they must not have been, and looks at what they
  // are.
  void Claim(const Block& block) {
    const BlockFlags flags = allocator_.FlagsOf(block.frame.block());
    ASSERT_TRUE(CanMerge(flags.freetype(), block.type)) << "of another visibility";
    ASSERT_FALSE(flags.is_converting()) << "from a block under conversion";
    for (std::uint32_t i = 0; i < block.order.frames().value; ++i) {
      const FrameNumber frame = block.frame + FrameCount(i);
      ASSERT_FALSE(taken_[frame.value].exchange(true)) << "handed out twice: " << frame.value;
      ASSERT_EQ(zone_.converter().IsPresent(frame), block.type.IsMapped()) << frame.value;
    }
  }
  void Release(const Block& block) {
    for (std::uint32_t i = 0; i < block.order.frames().value; ++i) {
      taken_[block.frame.value + i].store(false);
    }
  }

  void Work(unsigned seed) {
    AttachedLists lists(allocator_);
    std::mt19937 random(seed);
    const auto below = [&random](std::uint32_t limit) {
      return static_cast<std::uint32_t>(random() % limit);
    };
    const std::vector<Request> requests{Request::Mapped(Mobility::kMovable),
                                        Request::Mapped(Mobility::kUnmovable), Request::Unmapped(),
                                        Request::Keyed(owner_)};
    std::vector<Block> blocks;
    for (int step = 0; step < kStepsPerThread && !HasFatalFailure(); ++step) {
      if (blocks.empty() || below(100) < 52) {
        const Order order(below(8) == 0 ? 9 : below(4));
        const Request& request = requests[below(4)];
        const auto frame = below(2) == 0 ? allocator_.Allocate(order, request)
                                         : allocator_.Allocate(order, request, *lists);
        if (frame.ok()) {
          blocks.push_back(Block{*frame, order, request.freetype()});
          Claim(blocks.back());
        }
      } else {
        std::swap(blocks[below(static_cast<std::uint32_t>(blocks.size()))], blocks.back());
        const Block block = blocks.back();
        blocks.pop_back();
        Release(block);
        if (below(2) == 0) {
          allocator_.Free(block.frame, block.order);
        } else {
          allocator_.Free(block.frame, block.order, *lists);
        }
      }
      if (below(50) == 0) {
        zone_.converter().FailSetAfterBlocks(below(2), Error::kNoMemory);
      }
    }
    for (const Block& block : blocks) {
      Release(block);
      allocator_.Free(block.frame, block.order);
    }
  }

  OwnerLists owner_{OwnerId(5)};
  TestZone zone_{kBlocks};
  PageAllocator& allocator_ = zone_.allocator();
  std::vector<std::atomic<bool>> taken_;
};

// Spec: T22, T43
TEST_F(StressTest, NobodyGetsAFrameTwiceOrFromABlockUnderConversion) {
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] { Work(4711 + thread); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const Counters counters = allocator_.counters();
  EXPECT_GT(counters.conversions[Visibility::kUnmapped], 0u);
  EXPECT_GT(counters.conversion_failures, 0u);
  EXPECT_EQ(counters.live_frames, FrameCount(0));
  EXPECT_EQ(counters.listed_frames, FrameCount(0));
  EXPECT_EQ(counters.converting_frames, FrameCount(0));
}

}  // namespace
}  // namespace pageward::frame
