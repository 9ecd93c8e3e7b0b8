#include "runtime/ptable/cpu_set.h"

#include <gtest/gtest.h>

#include <vector>

namespace pageward::ptable {
namespace {

std::vector<std::uint32_t> NumbersIn(const CpuSet& set) {
  std::vector<std::uint32_t> numbers;
  set.ForEach([&](CpuNumber cpu) { numbers.push_back(cpu.value); });
  return numbers;
}

TEST(CpuSetTest, HoldsWhatWasAddedInOrder) {
  CpuSet set;
  EXPECT_TRUE(set.IsEmpty());
  for (const std::uint32_t cpu : {255u, 64u, 0u, 63u, 64u}) {
    set.Add(CpuNumber(cpu));
  }
  EXPECT_EQ(NumbersIn(set), (std::vector<std::uint32_t>{0, 63, 64, 255}));
  EXPECT_EQ(set.Count(), 4u);
  EXPECT_TRUE(set.Contains(CpuNumber(63)));
  EXPECT_FALSE(set.Contains(CpuNumber(62)));
}

TEST(CpuSetTest, RemovingIsTheInverseOfAdding) {
  CpuSet set = CpuSet::FirstOf(70);
  set.Remove(CpuNumber(69));
  EXPECT_EQ(set, CpuSet::FirstOf(69));
  set.Remove(CpuNumber(69));
  EXPECT_EQ(set.Count(), 69u);
}

TEST(CpuSetTest, MakesCommonSets) {
  EXPECT_EQ(NumbersIn(CpuSet::Only(CpuNumber(130))), (std::vector<std::uint32_t>{130}));
  EXPECT_EQ(CpuSet::FirstOf(0), CpuSet());
  EXPECT_EQ(CpuSet::FirstOf(CpuSet::kMaxCpus).Count(), CpuSet::kMaxCpus);
  EXPECT_FALSE(CpuSet::FirstOf(CpuSet::kMaxCpus).Contains(CpuNumber(CpuSet::kMaxCpus)));
}

#if PW_CHECK_LEVEL >= 1
TEST(CpuSetDeathTest, AProcessorBeyondTheLastIsABrokenContract) {
  CpuSet set;
  EXPECT_DEATH(set.Add(CpuNumber(CpuSet::kMaxCpus)), "assertion failed");
}
#endif

}  // namespace
}  // namespace pageward::ptable
