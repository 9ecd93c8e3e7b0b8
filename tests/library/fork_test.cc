// What a child has of the library.
#include <sys/wait.h>
#include <unistd.h>

#include "tests/library/library.h"
#include "tests/support/sanitizers.h"

namespace pageward {
namespace {

template <typename Child>
int Fork(Child child) {
  const pid_t process = ::fork();
  if (process == 0) {
    ::_exit(child());
  }
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Spec: U22, U31
TEST(ForkTest, AChildThatIsMadeInsideAWindowStartsClosedAndWithoutTheSecret) {
  if (pageward::testing_support::kChildrenMapOnTheirOwn) {
    GTEST_SKIP() << "this sanitizer maps memory of its own in the hole";
  }
  const TestObject secret;
  TestWindow window(secret.domain);
  secret.object[0] = 5;
  EXPECT_EQ(
      Fork([&] {
        if (!IsClosed(secret.object)) {
          return 1;
        }
        if (pageward_window_close(&window.window) != PAGEWARD_GONE ||
            pageward_window_close(&window.window) != PAGEWARD_INVALID) {
          return 2;
        }
        pageward_window mine = PAGEWARD_WINDOW_CLOSED;
        if (pageward_window_open(secret.domain, PAGEWARD_READ_WRITE, &mine) != PAGEWARD_GONE) {
          return 3;
        }
        const TestObject other;
        const TestWindow open(other.domain);
        other.object[0] = 1;
        return IsClosed(secret.object) ? 0 : 4;
      }),
      0);
  EXPECT_EQ(secret.object[0], 5);
}

// Spec: U22, U5
TEST(ForkTest, ADomainThatIsKeptIsACopyThatStartsClosed) {
  pageward_domain_options options = PAGEWARD_DOMAIN_OPTIONS;
  options.fork = PAGEWARD_FORK_KEPT;
  pageward_domain domain = {0};
  ASSERT_EQ(pageward_domain_create(&options, &domain), PAGEWARD_OK);
  void* made = nullptr;
  ASSERT_EQ(pageward_alloc(domain, 64, 0, &made), PAGEWARD_OK);
  auto* object = static_cast<unsigned char*>(made);
  {
    const TestWindow window(domain);
    object[0] = 5;
    EXPECT_EQ(Fork([&] {
                if (!IsClosed(object)) {
                  return 1;
                }
                const TestWindow mine(domain);
                const int found = object[0];
                object[0] = 6;
                return found == 5 ? 0 : 2;
              }),
              0);
    EXPECT_EQ(object[0], 5);
  }
  EXPECT_EQ(pageward_domain_destroy(domain), PAGEWARD_OK);
}

}  // namespace
}  // namespace pageward
