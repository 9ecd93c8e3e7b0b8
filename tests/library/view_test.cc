// Unmapped memory as programs have it, in whatever library the functions are found.
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#include "tests/library/library.h"
#include "tests/support/sanitizers.h"

namespace pageward {
namespace {

constexpr std::string_view kText = "what has no address";

pageward_unmapped AllocateText() {
  pageward_unmapped memory = {0};
  EXPECT_EQ(pageward_unmapped_alloc(kText.size(), &memory), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_write(memory, 0, kText.data(), kText.size()), PAGEWARD_OK);
  return memory;
}

TEST(LibraryViewTest, AViewShowsTheMemoryUntilItIsPut) {
  const pageward_unmapped memory = AllocateText();
  pageward_view view = {};
  ASSERT_EQ(pageward_view_get(memory, 0, kText.size(), PAGEWARD_VIEW_READ_ONLY, &view),
            PAGEWARD_OK);
  void* const data = view.data;
  EXPECT_EQ(std::string_view(static_cast<const char*>(data), view.size), kText);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_IN_USE);
  EXPECT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  EXPECT_TRUE(IsClosed(data));
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_INVALID);
}

TEST(LibraryViewTest, DomainsAndViewsAreOpenTogether) {
  const TestObject secret;
  const pageward_unmapped memory = AllocateText();
  const TestWindow window(secret.domain);
  pageward_view view = {};
  ASSERT_EQ(pageward_view_get(memory, 0, kText.size(), PAGEWARD_VIEW_READ_WRITE, &view),
            PAGEWARD_OK);
  secret.object[0] = 1;
  static_cast<char*>(view.data)[0] = 'W';
  EXPECT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  EXPECT_EQ(secret.object[0], 1) << "the window is open still";
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

TEST(LibraryViewTest, AChildBeginsWithAPoolOfItsOwn) {
  if (testing_support::kChildrenMapOnTheirOwn) {
    GTEST_SKIP() << "this sanitizer maps memory of its own in the hole";
  }
  const pageward_unmapped memory = AllocateText();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::size_t bytes = 0;
    pageward_unmapped mine = {0};
    const bool is_gone = pageward_unmapped_size(memory, &bytes) == PAGEWARD_GONE;
    const bool has_own = pageward_unmapped_alloc(1, &mine) == PAGEWARD_OK &&
                         pageward_unmapped_free(mine) == PAGEWARD_OK;
    ::_exit(is_gone && has_own ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

}  // namespace
}  // namespace pageward
