#include "hooks/jemalloc/callbacks.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

int g_argument = 0;

void* Remember(void* argument) {
  g_argument = *static_cast<int*>(argument);
  return argument;
}

void* Ignore(void* argument) {
  return argument;
}

TEST(CallbacksTest, ABackgroundThreadRunsWithItsArgument) {
  int argument = 42;
  pthread_t thread = {};
  ASSERT_EQ(pageward_jemalloc_pthread_create(&thread, nullptr, &Remember, &argument), 0);
  void* result = nullptr;
  ASSERT_EQ(pthread_join(thread, &result), 0);
  EXPECT_EQ(result, &argument);
  EXPECT_EQ(g_argument, 42);
  // One function is all that jemalloc has; another would be run in its place.
  EXPECT_EQ(pageward_jemalloc_pthread_create(&thread, nullptr, &Ignore, &argument), EAGAIN);
}

TEST(CallbacksTest, NothingIsFoundByName) {
  EXPECT_EQ(pageward_jemalloc_dlsym(nullptr, "pthread_create"), nullptr);
}

using CallbacksDeathTest = testing::Test;

TEST_F(CallbacksDeathTest, WhatIsToRunAtExitRunsInReverse) {
  EXPECT_EXIT(
      {
        pageward_jemalloc_atexit([] { std::fputs("first ", stderr); });
        pageward_jemalloc_atexit([] { std::fputs("second ", stderr); });
        std::exit(7);
      },
      testing::ExitedWithCode(7), "second first ");
}

TEST_F(CallbacksDeathTest, MoreThanThereIsRoomForIsRefused) {
  EXPECT_EXIT(
      {
        int taken = 0;
        while (taken < 100 && pageward_jemalloc_atexit([] {}) == 0) {
          ++taken;
        }
        std::_Exit(taken);
      },
      testing::ExitedWithCode(4), "");
}

}  // namespace
}  // namespace pageward::hooks
