#include "runtime/ptable/entry.h"

#include <gtest/gtest.h>

namespace pageward::ptable {
namespace {

constexpr LeafAttributes kAttributes{.permissions = {.is_writable = true}, .is_dirty = true};

TEST(EntryTest, AnEntryIsOneOfThreeThings) {
  const Entry absent = Entry::Absent();
  const Entry table = Entry::Table(0x77, PhysAddr(0x1000));
  const Entry leaf = Entry::Leaf(0x99, PhysAddr(0x2000), kAttributes);
  EXPECT_TRUE(absent.IsAbsent() && !absent.IsTable() && !absent.IsLeaf());
  EXPECT_TRUE(!table.IsAbsent() && table.IsTable() && !table.IsLeaf());
  EXPECT_TRUE(!leaf.IsAbsent() && !leaf.IsTable() && leaf.IsLeaf());
}

TEST(EntryTest, AnEntryKnowsItsWordAndWhereItLeads) {
  const Entry table = Entry::Table(0x77, PhysAddr(0x1000));
  EXPECT_EQ(table.word(), 0x77u);
  EXPECT_EQ(table.table(), PhysAddr(0x1000));
  const Entry leaf = Entry::Leaf(0x99, PhysAddr(0x2000), kAttributes);
  EXPECT_EQ(leaf.word(), 0x99u);
  EXPECT_EQ(leaf.frame(), PhysAddr(0x2000));
  EXPECT_EQ(leaf.attributes(), kAttributes);
  EXPECT_EQ(leaf.permissions(), kAttributes.permissions);
  EXPECT_EQ(Entry::Absent().word(), 0u);
}

#if PW_CHECK_LEVEL >= 1
TEST(EntryDeathTest, AskingForWhatItIsNotIsABrokenContract) {
  const Entry absent = Entry::Absent();
  EXPECT_DEATH(static_cast<void>(absent.table()), "assertion failed");
  EXPECT_DEATH(static_cast<void>(absent.frame()), "assertion failed");
  EXPECT_DEATH(static_cast<void>(absent.attributes()), "assertion failed");
}
#endif

}  // namespace
}  // namespace pageward::ptable
