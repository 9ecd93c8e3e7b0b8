#include "runtime/keys/handler_context.h"

#include <gtest/gtest.h>
#include <setjmp.h>
#include <signal.h>

#include "runtime/arch/cpu.h"
#include "runtime/os/linux_os.h"
#include "tests/support/process_keys.h"

namespace pageward::keys {
namespace {

jmp_buf t_outside;

[[gnu::noinline]] bool AskInside() {
  const HandlerScope scope;
  return IsInHandlerScope();
}

[[gnu::noinline]] void LeaveByJump() {
  const HandlerScope scope;
  longjmp(t_outside, 1);
}

TEST(HandlerContextTest, AScopeIsSeenFromInsideAndNotAfterwards) {
  EXPECT_FALSE(IsInHandlerScope());
  EXPECT_TRUE(AskInside());
  EXPECT_FALSE(IsInHandlerScope());
}

TEST(HandlerContextTest, AScopeThatWasLeftByAJumpLastsUntilItIsForgotten) {
  if (setjmp(t_outside) == 0) {
    LeaveByJump();
  }
  EXPECT_TRUE(IsInHandlerScope());
  ForgetHandlerScopes();
  EXPECT_FALSE(IsInHandlerScope());
  EXPECT_TRUE(AskInside()) << "and the next one is seen";
}

TEST(HandlerContextTest, AnInnerScopeDoesNotEndAnOuterOne) {
  const HandlerScope outer;
  EXPECT_TRUE(AskInside());
  EXPECT_TRUE(IsInHandlerScope());
}

volatile bool g_looks_like_handler = false;
arch::Pkey g_mark;

void Look(int) {
  g_looks_like_handler = LooksLikeHandler(g_mark);
}

TEST(HandlerContextTest, AHandlerOfAMarkedThreadIsToldByItsRights) {
  if (!arch::HasOspke()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  KeyBroker& broker = testing_support::ProcessKeys(KeyUse::kIfPresent);
  const Result<arch::Pkey> key = broker.KeyFor(KeyBroker::Purpose::kClosed);
  ASSERT_TRUE(key.ok());
  g_mark = *key;
  MarkThread(*key);
  EXPECT_FALSE(LooksLikeHandler(*key));
  EXPECT_EQ(arch::ReadPkru().AccessOf(*key), arch::KeyAccess::kNone) << "closed as ever";
  ASSERT_NE(signal(SIGUSR1, &Look), SIG_ERR);
  raise(SIGUSR1);
  EXPECT_TRUE(g_looks_like_handler);
  EXPECT_FALSE(LooksLikeHandler(*key)) << "and the thread is as it was";
}

}  // namespace
}  // namespace pageward::keys
