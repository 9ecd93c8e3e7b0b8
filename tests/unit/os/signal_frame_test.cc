#include "runtime/os/signal_frame.h"

#include <gtest/gtest.h>

#include <csignal>

#include "runtime/arch/cpu.h"
#include "runtime/arch/pku.h"

namespace pageward::os {
namespace {

std::optional<arch::Pkru> g_interrupted;
std::optional<arch::Pkru> g_wanted;
bool g_is_set = false;

void OnSignal(int, siginfo_t*, void* context) {
  g_interrupted = InterruptedRights(*static_cast<const ucontext_t*>(context));
  if (g_wanted) {
    g_is_set = SetInterruptedRights(static_cast<ucontext_t*>(context), *g_wanted);
  }
}

class SignalFrameTest : public testing::Test {
 protected:
  void SetUp() override {
    g_interrupted.reset();
    g_wanted.reset();
    g_is_set = false;
    struct sigaction action = {};
    action.sa_sigaction = OnSignal;
    action.sa_flags = SA_SIGINFO;
    ASSERT_EQ(sigaction(SIGUSR1, &action, &old_), 0);
  }
  void TearDown() override { ASSERT_EQ(sigaction(SIGUSR1, &old_, nullptr), 0); }

  struct sigaction old_ = {};
};

TEST_F(SignalFrameTest, TheFrameHasTheRightsOfTheInterruptedCode) {
  if (!arch::HasOspke()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  const arch::Pkru before = arch::ReadPkru();
  for (const arch::KeyAccess access : {arch::KeyAccess::kNone, arch::KeyAccess::kReadOnly}) {
    const arch::Pkru rights = before.With(arch::Pkey(13), access);
    arch::WritePkru(rights);
    std::raise(SIGUSR1);
    EXPECT_EQ(g_interrupted, rights);
  }
  arch::WritePkru(before);
}

TEST_F(SignalFrameTest, WhatIsSetIsInForceAfterTheHandler) {
  if (!arch::HasOspke()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  const arch::Pkru before = arch::ReadPkru();
  // Zero is the initial state of the register, which a processor need not save.
  for (const arch::Pkru start : {before, arch::Pkru(0)}) {
    arch::WritePkru(start);
    g_wanted = start.With(arch::Pkey(13), arch::KeyAccess::kReadOnly);
    std::raise(SIGUSR1);
    EXPECT_TRUE(g_is_set);
    EXPECT_EQ(arch::ReadPkru(), *g_wanted);
  }
  arch::WritePkru(before);
}

TEST_F(SignalFrameTest, ThereAreRightsExactlyWhereThereAreKeys) {
  g_wanted = arch::HasOspke() ? arch::ReadPkru() : arch::Pkru(0);
  std::raise(SIGUSR1);
  EXPECT_EQ(g_interrupted.has_value(), arch::HasOspke());
  EXPECT_EQ(g_is_set, arch::HasOspke());
}

TEST(SignalFrameWithoutStateTest, AContextWithoutSavedRegistersHasNoRights) {
  ucontext_t context = {};
  EXPECT_EQ(InterruptedRights(context), std::nullopt);
  EXPECT_FALSE(SetInterruptedRights(&context, arch::Pkru(0)));
}

}  // namespace
}  // namespace pageward::os
