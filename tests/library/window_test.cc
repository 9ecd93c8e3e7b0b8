// Windows, as programs open them.
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "runtime/arch/pku.h"
#include "tests/library/library.h"

namespace pageward {
namespace {

using testing_support::Access;

// Spec: U21
TEST(WindowTest, AnObjectIsThereInsideAWindowAndAtTheSameAddress) {
  const TestObject secret;
  EXPECT_TRUE(IsClosed(secret.object));
  {
    const TestWindow window(secret.domain);
    EXPECT_EQ(secret.object[0], 0);
    secret.object[0] = 42;
  }
  EXPECT_TRUE(IsClosed(secret.object));
  const TestWindow window(secret.domain);
  EXPECT_EQ(secret.object[0], 42);
}

// Spec: U21, U22, T75
TEST(WindowTest, OtherThreadsFaultWhileAWindowIsOpen) {
  PW_NEEDS_KEYS();
  const TestObject secret;
  std::atomic<int> step{0};
  Access before = Access::kOk;
  Access during = Access::kOk;
  std::thread other([&] {
    before = TryRead(secret.object);
    step = 1;
    while (step != 2) {
    }
    during = TryRead(secret.object);
    step = 3;
  });
  while (step != 1) {
  }
  {
    const TestWindow window(secret.domain);
    step = 2;
    while (step != 3) {
    }
    secret.object[0] = 1;
  }
  other.join();
  EXPECT_EQ(before, Access::kKeyDenied);
  EXPECT_EQ(during, Access::kKeyDenied);
}

// Spec: U22, T75
TEST(WindowTest, AThreadThatIsMadeInsideAWindowStartsClosed) {
  PW_NEEDS_KEYS();
  const TestObject secret;
  const TestWindow window(secret.domain);
  const auto probe = [](void* object) -> void* {
    static Access found;
    found = TryRead(object);
    return &found;
  };
  pthread_t thread = {};
  ASSERT_EQ(pageward_thread_create(&thread, nullptr, probe, secret.object), 0);
  void* found = nullptr;
  ASSERT_EQ(pthread_join(thread, &found), 0);
  EXPECT_EQ(*static_cast<Access*>(found), Access::kKeyDenied);
  EXPECT_EQ(secret.object[0], 0) << "its maker's window is open still";
}

// Spec: U24
TEST(WindowTest, AReadOnlyWindowRefusesWrites) {
  const TestObject secret;
  const TestWindow window(secret.domain, PAGEWARD_READ_ONLY);
  EXPECT_EQ(TryRead(secret.object), Access::kOk);
  EXPECT_NE(TryWrite(secret.object), Access::kOk);
}

// Spec: U24, T71, T72
TEST(WindowTest, WindowsNestAndGiveBackTheExactRightsThatWereThere) {
  PW_NEEDS_KEYS();
  const TestObject first;
  const TestObject second;
  {
    const TestWindow warm(first.domain);
    const TestWindow both(second.domain);
  }
  // A stranger's key, with rights of its own.
  const int foreign = pkey_alloc(0, PKEY_DISABLE_WRITE);
  const std::uint32_t closed = arch::ReadPkru().value();
  {
    const TestWindow outer(first.domain);
    const std::uint32_t opened = arch::ReadPkru().value();
    EXPECT_NE(opened, closed);
    {
      const TestWindow inner(second.domain, PAGEWARD_READ_ONLY);
      const TestWindow again(first.domain, PAGEWARD_READ_ONLY);
      EXPECT_NE(TryWrite(first.object), Access::kOk);
    }
    EXPECT_EQ(arch::ReadPkru().value(), opened);
    EXPECT_EQ(TryWrite(first.object), Access::kOk);
    EXPECT_TRUE(IsClosed(second.object));
  }
  EXPECT_EQ(arch::ReadPkru().value(), closed);
  if (foreign > 0) {
    pkey_free(foreign);
  }
}

// Spec: T79
TEST(WindowTest, AWindowChangesTheRightsForItsOwnKeyOnly) {
  PW_NEEDS_KEYS();
  const TestObject secret;
  { const TestWindow warm(secret.domain); }
  const std::uint32_t before = arch::ReadPkru().value();
  const TestWindow window(secret.domain);
  const std::uint32_t changed = before ^ arch::ReadPkru().value();
  const std::uint32_t field = 3u << (2 * window.window.key_);
  EXPECT_NE(changed, 0u);
  EXPECT_EQ(changed & ~field, 0u);
  EXPECT_EQ(field & ~pageward_rights_of_process()->domain_key_bits, 0u);
}

// Opens a window in a fresh domain and closes one that was changed to be of `key`.
void CloseForgedWindow(std::uint32_t key) {
  const TestObject secret;
  pageward_window window = PAGEWARD_WINDOW_CLOSED;
  if (pageward_window_open(secret.domain, PAGEWARD_READ_WRITE, &window) == PAGEWARD_OK) {
    window.key_ = key;
    window.former_ = 0;
    pageward_window_close(&window);
  }
}

// Spec: T79
TEST(WindowDeathTest, AForgedWindowGivesNoOtherRights) {
  PW_NEEDS_KEYS();
  {
    const TestObject first;
    const TestWindow claims_a_key(first.domain);
  }
  std::uint32_t tried = 0;
  for (std::uint32_t key = 1; key < 16; ++key) {
    const bool is_domains = (pageward_rights_of_process()->domain_key_bits >> (2 * key) & 3) != 0;
    const bool is_closed = (arch::ReadPkru().value() >> (2 * key) & 3) != 0;
    // The key that nobody opens, and those that are nobody's yet.
    if (!is_domains && is_closed) {
      EXPECT_EXIT(CloseForgedWindow(key), testing::KilledBySignal(SIGILL), "");
      ++tried;
    }
  }
  EXPECT_GE(tried, 1u);
}

// Spec: U23
TEST(WindowTest, SystemCallsWorkInsideAWindowAndFailOutside) {
  const TestObject secret;
  int pipe[2] = {};
  ASSERT_EQ(::pipe(pipe), 0);
  ASSERT_EQ(::write(pipe[1], "secret", 6), 6);
  EXPECT_EQ(::read(pipe[0], secret.object, 6), -1);
  EXPECT_EQ(errno, EFAULT);
  {
    const TestWindow window(secret.domain);
    EXPECT_EQ(secret.object[0], 0) << "nothing has been copied";
    EXPECT_EQ(::read(pipe[0], secret.object, 6), 6);
    EXPECT_EQ(::write(pipe[1], secret.object, 6), 6);
    EXPECT_EQ(std::memcmp(secret.object, "secret", 6), 0);
  }
  EXPECT_EQ(::write(pipe[1], secret.object, 6), -1);
  EXPECT_EQ(errno, EFAULT);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

volatile unsigned char* g_object = nullptr;
std::atomic<int> g_found{-1};

// Spec: U25, T74
TEST(WindowTest, AHandlerInsideAWindowRunsClosedAndReturnsToAnOpenOne) {
  PW_NEEDS_KEYS();
  const TestObject secret;
  struct sigaction action = {};
  action.sa_handler = [](int) {
    g_found = static_cast<int>(TryRead(const_cast<unsigned char*>(g_object)));
    void* memory = std::malloc(100);
    std::free(memory);
  };
  struct sigaction former = {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &former), 0);
  g_object = secret.object;
  {
    const TestWindow window(secret.domain);
    ASSERT_EQ(raise(SIGUSR1), 0);
    secret.object[0] = 9;
  }
  EXPECT_EQ(g_found, static_cast<int>(Access::kKeyDenied));
  EXPECT_TRUE(IsClosed(secret.object));
  sigaction(SIGUSR1, &former, nullptr);
}

TEST(WindowTest, AWindowThatIsClosedTwiceOrByAStrangerIsRefused) {
  const TestObject secret;
  pageward_window window = PAGEWARD_WINDOW_CLOSED;
  EXPECT_EQ(pageward_window_close(&window), PAGEWARD_INVALID);
  ASSERT_EQ(pageward_window_open(secret.domain, PAGEWARD_READ_WRITE, &window), PAGEWARD_OK);
  pageward_status elsewhere = PAGEWARD_OK;
  std::thread([&] { elsewhere = pageward_window_close(&window); }).join();
  EXPECT_EQ(elsewhere, PAGEWARD_INVALID);
  EXPECT_EQ(TryRead(secret.object), Access::kOk);
  EXPECT_EQ(pageward_window_close(&window), PAGEWARD_OK);
  EXPECT_EQ(pageward_window_close(&window), PAGEWARD_INVALID);
  EXPECT_TRUE(IsClosed(secret.object));
}

TEST(WindowTest, ArgumentsThatMakeNoSenseOpenNothing) {
  const TestObject secret;
  pageward_window window = PAGEWARD_WINDOW_CLOSED;
  EXPECT_EQ(pageward_window_open({0}, PAGEWARD_READ_WRITE, &window), PAGEWARD_INVALID);
  for (const int access : {0, 3}) {
    EXPECT_EQ(pageward_window_open(secret.domain, static_cast<pageward_access>(access), &window),
              PAGEWARD_INVALID);
  }
  EXPECT_TRUE(IsClosed(secret.object));
}

TEST(WindowTest, TheTwinInTheLibraryIsTheSameWindow) {
  const TestObject secret;
  auto* volatile open = &pageward_window_open;
  auto* volatile close = &pageward_window_close;
  pageward_window window = PAGEWARD_WINDOW_CLOSED;
  ASSERT_EQ(open(secret.domain, PAGEWARD_READ_WRITE, &window), PAGEWARD_OK);
  secret.object[0] = 1;
  ASSERT_EQ(pageward_window_close(&window), PAGEWARD_OK);
  ASSERT_EQ(pageward_window_open(secret.domain, PAGEWARD_READ_WRITE, &window), PAGEWARD_OK);
  ASSERT_EQ(close(&window), PAGEWARD_OK);
  EXPECT_TRUE(IsClosed(secret.object));
}

TEST(WindowTest, AThreadThatEndsInsideAWindowHoldsNothing) {
  const TestObject secret;
  std::thread([&] {
    pageward_window window = PAGEWARD_WINDOW_CLOSED;
    ASSERT_EQ(pageward_window_open(secret.domain, PAGEWARD_READ_WRITE, &window), PAGEWARD_OK);
    if (!HasKeys()) {
      ASSERT_EQ(pageward_window_close(&window), PAGEWARD_OK);
    }
  }).join();
  EXPECT_TRUE(IsClosed(secret.object));
}

}  // namespace
}  // namespace pageward
