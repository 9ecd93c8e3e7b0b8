#include "runtime/arch/x86_paging.h"

#include <gtest/gtest.h>

namespace pageward::arch {
namespace {

// Where the manual puts each flag; written out once more, so that a slip shows.
TEST(X86PagingTest, EntryFlagsAreWhereTheManualPutsThem) {
  EXPECT_EQ(PagingEntry::Present::kMask, 0x1u);
  EXPECT_EQ(PagingEntry::Writable::kMask, 0x2u);
  EXPECT_EQ(PagingEntry::User::kMask, 0x4u);
  EXPECT_EQ(PagingEntry::WriteThrough::kMask, 0x8u);
  EXPECT_EQ(PagingEntry::CacheDisable::kMask, 0x10u);
  EXPECT_EQ(PagingEntry::Accessed::kMask, 0x20u);
  EXPECT_EQ(PagingEntry::Dirty::kMask, 0x40u);
  EXPECT_EQ(PagingEntry::LargePage::kMask, 0x80u);
  EXPECT_EQ(PagingEntry::Pat::kMask, 0x80u);
  EXPECT_EQ(PagingEntry::Global::kMask, 0x100u);
  EXPECT_EQ(PagingEntry::Available::kMask, 0xe00u);
  EXPECT_EQ(PagingEntry::LargePat::kMask, 0x1000u);
  EXPECT_EQ(PagingEntry::Frame::kMask, 0x000f'ffff'ffff'f000u);
  EXPECT_EQ(PagingEntry::Ignored::kMask, 0x07f0'0000'0000'0000u);
  EXPECT_EQ(PagingEntry::Key::kMask, 0x7800'0000'0000'0000u);
  EXPECT_EQ(PagingEntry::NoExecute::kMask, 0x8000'0000'0000'0000u);
}

TEST(X86PagingTest, RegisterFlagsAreWhereTheManualPutsThem) {
  EXPECT_EQ(Cr0::WriteProtect::kMask, 1u << 16);
  EXPECT_EQ(Cr3::ContextId::kMask, 0xfffu);
  EXPECT_EQ(Cr3::TableFrame::kMask, 0x000f'ffff'ffff'f000u);
  EXPECT_EQ(Cr3::KeepTranslations::kMask, std::uint64_t{1} << 63);
  EXPECT_EQ(Cr4::GlobalPages::kMask, 1u << 7);
  EXPECT_EQ(Cr4::FiveLevels::kMask, 1u << 12);
  EXPECT_EQ(Cr4::ContextIds::kMask, 1u << 17);
  EXPECT_EQ(Cr4::NoUserFetch::kMask, 1u << 20);
  EXPECT_EQ(Cr4::NoUserAccess::kMask, 1u << 21);
  EXPECT_EQ(Cr4::UserKeys::kMask, 1u << 22);
  EXPECT_EQ(Cr4::SupervisorKeys::kMask, 1u << 24);
  EXPECT_EQ(Efer::NoExecute::kMask, 1u << 11);
}

TEST(X86PagingTest, AddressesAreCanonicalUpToTheHoleAndFromItsOtherEnd) {
  EXPECT_TRUE(IsCanonical(VirtAddr(0), 4));
  EXPECT_TRUE(IsCanonical(VirtAddr(0x0000'7fff'ffff'ffff), 4));
  EXPECT_FALSE(IsCanonical(VirtAddr(0x0000'8000'0000'0000), 4));
  EXPECT_FALSE(IsCanonical(VirtAddr(0xffff'7fff'ffff'ffff), 4));
  EXPECT_TRUE(IsCanonical(VirtAddr(0xffff'8000'0000'0000), 4));
  EXPECT_TRUE(IsCanonical(VirtAddr(~std::uint64_t{0}), 4));
  EXPECT_TRUE(IsCanonical(VirtAddr(0x00ff'ffff'ffff'ffff), 5));
  EXPECT_FALSE(IsCanonical(VirtAddr(0x0100'0000'0000'0000), 5));
  EXPECT_FALSE(IsCanonical(VirtAddr(0xfeff'ffff'ffff'ffff), 5));
  EXPECT_TRUE(IsCanonical(VirtAddr(0xff00'0000'0000'0000), 5));
}

TEST(X86PagingTest, PhysicalAddressesEndAtMaxphyaddr) {
  EXPECT_TRUE(PhysBits(40).Contains(PhysAddr(0xff'ffff'ffff)));
  EXPECT_FALSE(PhysBits(40).Contains(PhysAddr(0x100'0000'0000)));
  EXPECT_TRUE(PhysBits(52).Contains(PhysAddr(0xf'ffff'ffff'ffff)));
  EXPECT_EQ(PhysBits().value(), 40u);
}

TEST(X86PagingTest, ErrorCodesAreMadeBitByBit) {
  const PageFaultCode code = PageFaultCode()
                                 .With<PageFaultCode::IsPresent>(true)
                                 .With<PageFaultCode::IsUser>(true)
                                 .With<PageFaultCode::IsKey>(true);
  EXPECT_EQ(code.value(), 0x25u);
  EXPECT_TRUE(code.Has<PageFaultCode::IsKey>());
  EXPECT_FALSE(code.Has<PageFaultCode::IsWrite>());
  EXPECT_EQ(code.With<PageFaultCode::IsWrite>(true).value(), 0x27u);
  EXPECT_EQ(PageFaultCode().With<PageFaultCode::IsReserved>(true).value(), 0x8u);
  EXPECT_EQ(PageFaultCode().With<PageFaultCode::IsFetch>(true).value(), 0x10u);
}

TEST(X86PagingTest, PkrsIsLaidOutAsPkru) {
  const Pkrs rights = Pkrs().With(Pkey(3), KeyAccess::kReadOnly).With(Pkey(15), KeyAccess::kNone);
  EXPECT_EQ(rights.value(), 2u << 6 | 1u << 30);
  EXPECT_EQ(rights.AccessOf(Pkey(3)), KeyAccess::kReadOnly);
  EXPECT_EQ(rights.AccessOf(Pkey(15)), KeyAccess::kNone);
  EXPECT_EQ(rights.AccessOf(Pkey(0)), KeyAccess::kReadWrite);
}

}  // namespace
}  // namespace pageward::arch
