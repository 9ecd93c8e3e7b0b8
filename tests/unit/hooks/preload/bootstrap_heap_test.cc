#include "hooks/preload/bootstrap_heap.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

namespace pageward::hooks {
namespace {

TEST(BootstrapHeapTest, PiecesAreAlignedZeroedAndApart) {
  static constinit BootstrapHeap heap;
  unsigned char* end = nullptr;
  for (const std::size_t alignment : {16u, 64u, 4096u}) {
    for (const std::size_t bytes : {0u, 1u, 15u, 16u, 1000u}) {
      auto* piece = static_cast<unsigned char*>(heap.Allocate(bytes, alignment));
      ASSERT_NE(piece, nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece) % alignment, 0u);
      EXPECT_GE(piece, end);
      EXPECT_EQ(heap.SizeOf(piece), bytes);
      EXPECT_TRUE(heap.Contains(piece));
      for (std::size_t i = 0; i < bytes; ++i) {
        ASSERT_EQ(piece[i], 0);
      }
      std::memset(piece, 0xff, bytes);
      end = piece + bytes;
    }
  }
  int outside = 0;
  EXPECT_FALSE(heap.Contains(&outside));
  EXPECT_FALSE(heap.Contains(nullptr));
}

TEST(BootstrapHeapTest, WhenItIsUsedUpThereIsNothing) {
  static constinit BootstrapHeap heap;
  EXPECT_EQ(heap.Allocate(BootstrapHeap::kBytes), nullptr) << "the size needs room, too";
  EXPECT_EQ(heap.Allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(heap.Allocate(16, 8192), nullptr) << "no alignment beyond a page";
  EXPECT_NE(heap.Allocate(BootstrapHeap::kBytes - 16), nullptr);
  EXPECT_EQ(heap.Allocate(1), nullptr);
  EXPECT_EQ(heap.used_bytes(), BootstrapHeap::kBytes);
}

TEST(BootstrapHeapTest, ThreadsGetDifferentPieces) {
  static constinit BootstrapHeap heap;
  std::atomic<int> clashes{0};
  const auto work = [&](unsigned char mark) {
    std::vector<unsigned char*> pieces;
    for (int i = 0; i < 1000; ++i) {
      pieces.push_back(static_cast<unsigned char*>(heap.Allocate(32)));
      std::memset(pieces.back(), mark, 32);
    }
    for (const unsigned char* piece : pieces) {
      clashes += piece[0] != mark || piece[31] != mark ? 1 : 0;
    }
  };
  std::thread other(work, 1);
  work(2);
  other.join();
  EXPECT_EQ(clashes, 0);
}

}  // namespace
}  // namespace pageward::hooks
