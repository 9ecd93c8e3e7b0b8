// The rules one by one, in words; translate_test.cc compares all of them together with a predictor.
#include "runtime/ptable/rights.h"

#include <gtest/gtest.h>

namespace pageward::ptable {
namespace {

using arch::Cr0;
using arch::Cr4;
using arch::Efer;
using arch::PagingEntry;

constexpr Access kUserRead{AccessKind::kRead, AccessMode::kUser};
constexpr Access kUserWrite{AccessKind::kWrite, AccessMode::kUser};
constexpr Access kUserFetch{AccessKind::kFetch, AccessMode::kUser};
constexpr Access kRead{AccessKind::kRead, AccessMode::kSupervisor};
constexpr Access kWrite{AccessKind::kWrite, AccessMode::kSupervisor};
constexpr Access kFetch{AccessKind::kFetch, AccessMode::kSupervisor};
constexpr Access kImplicitRead{AccessKind::kRead, AccessMode::kImplicitSupervisor};

constexpr std::uint64_t kKey5 = PagingEntry::Key::Encode(5);
constexpr std::uint64_t kKernelRead = PagingEntry::Present::kMask | kKey5;
constexpr std::uint64_t kKernelData = kKernelRead | PagingEntry::Writable::kMask;
constexpr std::uint64_t kUserReadOnly = kKernelRead | PagingEntry::User::kMask;
constexpr std::uint64_t kUserData = kKernelData | PagingEntry::User::kMask;

constexpr std::uint32_t kAccessDisable5 = 1u << 10;
constexpr std::uint32_t kWriteDisable5 = 2u << 10;

std::uint32_t Code(std::uint64_t leaf, const PagingRegisters& registers, Access access) {
  return DenialOf(leaf, registers, access).value();
}

PagingRegisters With(std::uint64_t cr4, std::uint32_t pkru = 0, std::uint32_t pkrs = 0) {
  PagingRegisters registers;
  registers.cr4 = cr4;
  registers.pkru = arch::Pkru(pkru);
  registers.pkrs = arch::Pkrs(pkrs);
  return registers;
}

PagingRegisters WithoutWriteProtect(PagingRegisters registers) {
  registers.cr0 = Cr0::WriteProtect::Set(registers.cr0, false);
  return registers;
}

TEST(RightsTest, UsersReachUserPagesOnly) {
  const PagingRegisters plain = With(0);
  EXPECT_EQ(Code(kUserData, plain, kUserRead), 0u);
  EXPECT_EQ(Code(kKernelData, plain, kUserRead), 0x5u);
  EXPECT_EQ(Code(kKernelData, plain, kUserWrite), 0x7u);
  EXPECT_EQ(Code(kKernelData, plain, kUserFetch), 0x15u);
}

TEST(RightsTest, ReadOnlyBindsTheSupervisorIfWriteProtectIsSet) {
  const PagingRegisters plain = With(0);
  EXPECT_EQ(Code(kUserReadOnly, plain, kUserWrite), 0x7u);
  EXPECT_EQ(Code(kKernelRead, plain, kWrite), 0x3u);
  EXPECT_EQ(Code(kKernelRead, WithoutWriteProtect(plain), kWrite), 0u);
  EXPECT_EQ(Code(kUserReadOnly, WithoutWriteProtect(plain), kUserWrite), 0x7u);
}

TEST(RightsTest, NoExecuteStopsFetchesOfEverybody) {
  const PagingRegisters plain = With(0);
  const std::uint64_t no_execute = PagingEntry::NoExecute::kMask;
  EXPECT_EQ(Code(kUserData | no_execute, plain, kUserFetch), 0x15u);
  EXPECT_EQ(Code(kKernelData | no_execute, plain, kFetch), 0x11u);
  EXPECT_EQ(Code(kKernelData, plain, kFetch), 0u);
  EXPECT_EQ(Code(kKernelData | no_execute, plain, kRead), 0u);
}

TEST(RightsTest, SmepStopsTheSupervisorsFetchesFromUserPages) {
  EXPECT_EQ(Code(kUserData, With(Cr4::NoUserFetch::kMask), kFetch), 0x11u);
  EXPECT_EQ(Code(kUserData, With(0), kFetch), 0u);
  EXPECT_EQ(Code(kUserData, With(Cr4::NoUserFetch::kMask), kUserFetch), 0u);
  EXPECT_EQ(Code(kUserData, With(Cr4::NoUserFetch::kMask), kRead), 0u);
}

TEST(RightsTest, SmapStopsTheSupervisorUnlessItMeansIt) {
  PagingRegisters smap = With(Cr4::NoUserAccess::kMask);
  EXPECT_EQ(Code(kUserData, smap, kRead), 0x1u);
  EXPECT_EQ(Code(kUserData, smap, kWrite), 0x3u);
  EXPECT_EQ(Code(kUserData, smap, kFetch), 0u) << "SMAP is about data";
  EXPECT_EQ(Code(kKernelData, smap, kWrite), 0u);
  smap.is_ac_set = true;
  EXPECT_EQ(Code(kUserData, smap, kRead), 0u);
  EXPECT_EQ(Code(kUserData, smap, kWrite), 0u);
  EXPECT_EQ(Code(kUserData, smap, kImplicitRead), 0x1u) << "nobody means an implicit access";
}

TEST(RightsTest, AFetchIsToldOnlyIfSomethingCouldForbidIt) {
  PagingRegisters plain = With(0);
  plain.efer = 0;
  EXPECT_EQ(Code(kKernelData, plain, kUserFetch), 0x5u);
  plain.cr4 = Cr4::NoUserFetch::kMask;
  EXPECT_EQ(Code(kKernelData, plain, kUserFetch), 0x15u);
}

TEST(RightsTest, PkruRulesOverUserPagesForEverybody) {
  const PagingRegisters closed = With(Cr4::UserKeys::kMask, kAccessDisable5);
  EXPECT_EQ(Code(kUserData, closed, kUserRead), 0x25u);
  EXPECT_EQ(Code(kUserData, closed, kUserWrite), 0x27u);
  EXPECT_EQ(Code(kUserData, closed, kRead), 0x21u);
  EXPECT_EQ(Code(kUserData, closed, kWrite), 0x23u);
  EXPECT_EQ(Code(kUserData, closed, kUserFetch), 0u) << "keys are about data";
  EXPECT_EQ(Code(kKernelData, closed, kRead), 0u) << "not its page";
  EXPECT_EQ(Code(kUserData, With(0, kAccessDisable5), kUserRead), 0u) << "CR4.PKE is clear";
}

TEST(RightsTest, PkrsRulesOverSupervisorPages) {
  const PagingRegisters closed = With(Cr4::SupervisorKeys::kMask, 0, kAccessDisable5);
  EXPECT_EQ(Code(kKernelData, closed, kRead), 0x21u);
  EXPECT_EQ(Code(kKernelData, closed, kWrite), 0x23u);
  EXPECT_EQ(Code(kKernelData, closed, kFetch), 0u);
  EXPECT_EQ(Code(kUserData, closed, kUserRead), 0u) << "not its page";
  EXPECT_EQ(Code(kUserData, closed, kRead), 0u);
  EXPECT_EQ(Code(kKernelData, With(0, 0, kAccessDisable5), kRead), 0u) << "CR4.PKS is clear";
}

TEST(RightsTest, WriteDisableBindsTheSupervisorIfWriteProtectIsSet) {
  const PagingRegisters user = With(Cr4::UserKeys::kMask, kWriteDisable5);
  EXPECT_EQ(Code(kUserData, user, kUserRead), 0u);
  EXPECT_EQ(Code(kUserData, user, kUserWrite), 0x27u);
  EXPECT_EQ(Code(kUserData, user, kWrite), 0x23u);
  EXPECT_EQ(Code(kUserData, WithoutWriteProtect(user), kWrite), 0u);
  EXPECT_EQ(Code(kUserData, WithoutWriteProtect(user), kUserWrite), 0x27u);
  const PagingRegisters kernel = With(Cr4::SupervisorKeys::kMask, 0, kWriteDisable5);
  EXPECT_EQ(Code(kKernelData, kernel, kRead), 0u);
  EXPECT_EQ(Code(kKernelData, kernel, kWrite), 0x23u);
  EXPECT_EQ(Code(kKernelData, WithoutWriteProtect(kernel), kWrite), 0u);
}

TEST(RightsTest, AClosedKeyIsToldWhateverElseForbids) {
  const PagingRegisters closed = With(Cr4::UserKeys::kMask, kWriteDisable5);
  EXPECT_EQ(Code(kUserReadOnly, closed, kUserWrite), 0x27u);
  PagingRegisters smap = With(Cr4::UserKeys::kMask | Cr4::NoUserAccess::kMask, kAccessDisable5);
  EXPECT_EQ(Code(kUserData, smap, kRead), 0x21u);
}

TEST(RightsTest, EachKeyHasItsOwnTwoBits) {
  for (unsigned key = 0; key < arch::Pkey::kCount; ++key) {
    const std::uint64_t leaf = PagingEntry::Key::Set(kUserData, key);
    for (unsigned other = 0; other < arch::Pkey::kCount; ++other) {
      const PagingRegisters closed = With(Cr4::UserKeys::kMask, 1u << 2 * other);
      EXPECT_EQ(Code(leaf, closed, kUserRead), key == other ? 0x25u : 0u) << key << ' ' << other;
    }
  }
}

TEST(RightsTest, APathPermitsWhatAllItsEntriesPermit) {
  const std::uint64_t all = PagingEntry::Writable::kMask | PagingEntry::User::kMask;
  const std::uint64_t no_execute = PagingEntry::NoExecute::kMask;
  EXPECT_EQ(PathRights().AppliedTo(all | 0x7001), all | 0x7001);
  EXPECT_EQ(PathRights().Through(PagingEntry::User::kMask).AppliedTo(all | 1),
            PagingEntry::User::kMask | 1);
  EXPECT_EQ(PathRights().Through(PagingEntry::Writable::kMask).AppliedTo(all | 1),
            PagingEntry::Writable::kMask | 1);
  EXPECT_EQ(PathRights().Through(all | no_execute).AppliedTo(all | 1), all | no_execute | 1);
  EXPECT_EQ(PathRights().Through(all).Through(0).Through(all).AppliedTo(all | 1), 1u);
}

TEST(RightsTest, ThePcidCountsOnlyIfItIsEnabled) {
  PagingRegisters registers = With(0);
  registers.cr3 = 0x5123;
  EXPECT_EQ(registers.pcid(), arch::Pcid(0));
  registers.cr4 = Cr4::ContextIds::kMask;
  EXPECT_EQ(registers.pcid(), arch::Pcid(0x123));
  EXPECT_EQ(registers.levels(), 4u);
  registers.cr4 = Cr4::FiveLevels::kMask;
  EXPECT_EQ(registers.levels(), 5u);
}

}  // namespace
}  // namespace pageward::ptable
