#include "runtime/ptable/exemplar_format.h"

#include <gtest/gtest.h>

#include "runtime/ptable/x86_64_format.h"

namespace pageward::ptable {
namespace {

constexpr ExemplarFormat kFormat;
constexpr LeafAttributes kPlain{};

// Returns the bits of a leaf that say what `attributes` say differently from kPlain.
template <typename Format>
std::uint64_t BitsThatSay(const LeafAttributes& attributes) {
  const Format format;
  return format.LeafEntry(0, PhysAddr(0), attributes) ^ format.LeafEntry(0, PhysAddr(0), kPlain);
}

TEST(ExemplarFormatTest, SaysNothingWithTheBitsThatX86SaysItWith) {
  const LeafAttributes different[] = {
      {.permissions = {.is_readable = false}},
      {.permissions = {.is_writable = true}},
      {.permissions = {.is_executable = true}},
      {.permissions = {.is_user = true}},
      {.permissions = {.key = arch::Pkey(15)}},
      {.is_global = true},
      {.is_accessed = true},
      {.is_dirty = true},
  };
  for (const LeafAttributes& attributes : different) {
    const std::uint64_t here = BitsThatSay<ExemplarFormat>(attributes);
    EXPECT_NE(here, 0u);
    EXPECT_EQ(here & BitsThatSay<X86_64Format<4>>(attributes), 0u);
  }
}

TEST(ExemplarFormatTest, ItsTablesAreNoTablesToX86) {
  const std::uint64_t table = kFormat.TableEntry(VirtAddr(0), PhysAddr(0x5000));
  EXPECT_TRUE(kFormat.Decode(1, table).IsTable());
  EXPECT_FALSE(X86_64Format<4>().Decode(1, table).IsTable());
}

TEST(ExemplarFormatTest, ALeafThatIsNotReadableIsStillValid) {
  const LeafAttributes closed{.permissions = {.is_readable = false}};
  const std::uint64_t word = kFormat.LeafEntry(2, PhysAddr(0), closed);
  EXPECT_NE(word, 0u);
  EXPECT_TRUE(kFormat.Decode(2, word).IsLeaf());
  EXPECT_EQ(kFormat.Decode(2, word).attributes(), closed);
}

TEST(ExemplarFormatTest, HasLeavesAtTheTopLevelToo) {
  EXPECT_TRUE(ExemplarFormat::HasLeaves(ExemplarFormat::kLevels - 1));
  EXPECT_TRUE(kFormat.CanMap(2, VirtAddr(0), PhysAddr(0x4000'0000), kPlain));
  EXPECT_FALSE(kFormat.CanMap(2, VirtAddr(0), PhysAddr(0x2000'0000), kPlain));
  EXPECT_FALSE(kFormat.CanMap(0, VirtAddr(0), PhysAddr(std::uint64_t{1} << 48), kPlain));
}

}  // namespace
}  // namespace pageward::ptable
