#include "runtime/core/open_page.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>

namespace pageward {
namespace {

struct Large {
  char bytes[kFrameBytes + 1];
};

[[gnu::section("pageward_open")]] constinit OpenPage<std::atomic<bool>> g_first;
[[gnu::section("pageward_open")]] constinit OpenPage<std::uint32_t> g_second{7};
constinit int g_elsewhere = 1;

// The linker defines both for a section with such a name.
extern "C" [[gnu::visibility("hidden")]] const char __start_pageward_open[];
extern "C" [[gnu::visibility("hidden")]] const char __stop_pageward_open[];

bool IsInSection(const void* address) {
  return address >= __start_pageward_open && address < __stop_pageward_open;
}

TEST(OpenPageTest, AValueHasItsPagesForItself) {
  EXPECT_EQ(sizeof(OpenPage<bool>), kFrameBytes);
  EXPECT_EQ(sizeof(OpenPage<Large>), 2 * kFrameBytes);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&g_first) % kFrameBytes, 0u);
}

TEST(OpenPageTest, TheSectionHoldsThemAndNothingElse) {
  EXPECT_TRUE(IsInSection(&g_first));
  EXPECT_TRUE(IsInSection(&g_second));
  EXPECT_FALSE(IsInSection(&g_elsewhere));
  EXPECT_EQ(g_second.value, 7u);
  EXPECT_EQ(
      (__stop_pageward_open - __start_pageward_open) % static_cast<std::ptrdiff_t>(kFrameBytes), 0);
}

}  // namespace
}  // namespace pageward
