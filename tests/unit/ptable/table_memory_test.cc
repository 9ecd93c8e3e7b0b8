// The concept itself. What its implementations do is in the conformance suite.
#include "runtime/ptable/table_memory.h"

#include <gtest/gtest.h>

#include "tests/support/ptable/fake_table_memory.h"

namespace pageward::ptable {
namespace {

struct NoExchange {
  std::uint64_t Load(PhysAddr);
  void Store(PhysAddr, std::uint64_t);
};

struct ExchangeThatTellsTooLittle {
  std::uint64_t Load(PhysAddr);
  void Store(PhysAddr, std::uint64_t);
  bool CompareExchange(PhysAddr, std::uint64_t, std::uint64_t);
};

TEST(TableMemoryTest, TheConceptAsksForAllThreeAccesses) {
  EXPECT_TRUE(TableMemory<testing_support::FakeTableMemory>);
  EXPECT_FALSE(TableMemory<NoExchange>);
  EXPECT_FALSE(TableMemory<ExchangeThatTellsTooLittle>);
}

TEST(TableMemoryTest, SlotsAreEightBytesApart) {
  EXPECT_EQ(SlotOf(PhysAddr(0x7000), 0), PhysAddr(0x7000));
  EXPECT_EQ(SlotOf(PhysAddr(0x7000), 511), PhysAddr(0x7ff8));
}

}  // namespace
}  // namespace pageward::ptable
