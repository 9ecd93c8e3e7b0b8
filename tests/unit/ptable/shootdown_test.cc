#include "runtime/ptable/shootdown.h"

#include <gtest/gtest.h>

#include <array>

namespace pageward::ptable {
namespace {

using arch::Pcid;

constexpr VirtAddr kAt{0x4000'0000};
constexpr std::uint64_t kLeaf = 0x5000 | 1;
constexpr std::uint64_t kGlobal = arch::PagingEntry::Global::kMask;

class ShootdownTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kCpus = 4;

  // Gives every processor the translation of `pages` pages under `pcid`, and runs it with another.
  void Cache(std::uint64_t pages, Pcid pcid, std::uint64_t leaf) {
    for (Tlb& tlb : tlbs_) {
      tlb.set_pcid(pcid);
      for (std::uint64_t page = 0; page < pages; ++page) {
        tlb.Insert(kAt + page * kFrameBytes, 0, leaf);
      }
    }
  }

  bool Has(std::uint32_t cpu, Pcid pcid, VirtAddr at) {
    const Pcid before = tlbs_[cpu].pcid();
    tlbs_[cpu].set_pcid(pcid);
    const bool has = bool{tlbs_[cpu].Find(at)};
    tlbs_[cpu].set_pcid(before);
    return has;
  }

  void Flush(const ShootdownTarget& target, std::uint64_t pages) {
    Shootdown shootdown(pointers_, target, counters_);
    shootdown.Flush(FlushRequest{VirtRange{kAt, pages * kFrameBytes}, 12});
  }

  std::array<Tlb, kCpus> tlbs_{};
  std::array<Tlb*, kCpus> pointers_{&tlbs_[0], &tlbs_[1], &tlbs_[2], &tlbs_[3]};
  ShootdownCounters counters_;
};

TEST_F(ShootdownTest, ReachesTheProcessorsOfItsSetAndInterruptsAllButItself) {
  Cache(2, Pcid(1), kLeaf);
  CpuSet cpus = CpuSet::FirstOf(kCpus);
  cpus.Remove(CpuNumber(2));
  Flush(ShootdownTarget{cpus, CpuNumber(1), ShootdownScope::kOnePcid, Pcid(1)}, 2);
  for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    EXPECT_EQ(Has(cpu, Pcid(1), kAt), cpu == 2) << cpu;
    EXPECT_EQ(Has(cpu, Pcid(1), kAt + kFrameBytes), cpu == 2) << cpu;
  }
  EXPECT_EQ(counters_, (ShootdownCounters{.events = 1, .interrupts = 2, .page_flushes = 6}));
}

TEST_F(ShootdownTest, AFlushOfItsOwnProcessorInterruptsNobody) {
  Cache(1, Pcid(1), kLeaf);
  Flush(
      ShootdownTarget{CpuSet::Only(CpuNumber(3)), CpuNumber(3), ShootdownScope::kOnePcid, Pcid(1)},
      1);
  EXPECT_FALSE(Has(3, Pcid(1), kAt));
  EXPECT_TRUE(Has(0, Pcid(1), kAt));
  EXPECT_EQ(counters_.interrupts, 0u);
}

TEST_F(ShootdownTest, AnInitiatorOutsideOfTheSetDoesNotFlush) {
  Cache(1, Pcid(1), kLeaf);
  Flush(
      ShootdownTarget{CpuSet::Only(CpuNumber(3)), CpuNumber(0), ShootdownScope::kOnePcid, Pcid(1)},
      1);
  EXPECT_TRUE(Has(0, Pcid(1), kAt));
  EXPECT_FALSE(Has(3, Pcid(1), kAt));
  EXPECT_EQ(counters_.interrupts, 1u);
}

TEST_F(ShootdownTest, ReachesAPcidThatIsNotRunning) {
  Cache(1, Pcid(1), kLeaf);
  for (Tlb& tlb : tlbs_) {
    tlb.set_pcid(Pcid(7));
  }
  Flush(ShootdownTarget{CpuSet::FirstOf(kCpus), CpuNumber(0), ShootdownScope::kOnePcid, Pcid(1)},
        1);
  for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    EXPECT_FALSE(Has(cpu, Pcid(1), kAt)) << cpu;
  }
}

TEST_F(ShootdownTest, OtherPcidsKeepTheirs) {
  Cache(1, Pcid(2), kLeaf);
  for (const std::uint64_t pages : {std::uint64_t{1}, std::uint64_t{1000}}) {
    Flush(ShootdownTarget{CpuSet::FirstOf(kCpus), CpuNumber(0), ShootdownScope::kOnePcid, Pcid(1)},
          pages);
    EXPECT_TRUE(Has(0, Pcid(2), kAt));
  }
}

TEST_F(ShootdownTest, GlobalPagesGoUnderEveryPcid) {
  for (const std::uint64_t pages : {std::uint64_t{1}, std::uint64_t{1000}}) {
    Cache(1, Pcid(1), kLeaf | kGlobal);
    for (Tlb& tlb : tlbs_) {
      tlb.set_pcid(Pcid(7));
    }
    Flush(ShootdownTarget{CpuSet::FirstOf(kCpus), CpuNumber(0), ShootdownScope::kGlobalPages},
          pages);
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      EXPECT_FALSE(Has(cpu, Pcid(1), kAt)) << cpu;
    }
  }
}

TEST_F(ShootdownTest, KernelPagesThatAreNotGlobalGoUnderEveryPcid) {
  Cache(1, Pcid(1), kLeaf);
  Cache(1, Pcid(2), kLeaf);
  Flush(ShootdownTarget{CpuSet::FirstOf(kCpus), CpuNumber(0), ShootdownScope::kEveryPcid}, 1);
  EXPECT_FALSE(Has(0, Pcid(1), kAt));
  EXPECT_FALSE(Has(0, Pcid(2), kAt));
  EXPECT_EQ(counters_.full_flushes, kCpus);
}

TEST_F(ShootdownTest, ManyPagesGoAtOnce) {
  const ShootdownTarget target{CpuSet::Only(CpuNumber(0)), CpuNumber(0), ShootdownScope::kOnePcid,
                               Pcid(1)};
  Flush(target, Shootdown::kMostSinglePages);
  EXPECT_EQ(counters_.page_flushes, Shootdown::kMostSinglePages);
  EXPECT_EQ(counters_.full_flushes, 0u);
  Flush(target, Shootdown::kMostSinglePages + 1);
  EXPECT_EQ(counters_.full_flushes, 1u);
}

TEST_F(ShootdownTest, LargePagesAreDroppedOneByOneBySize) {
  tlbs_[0].Insert(kAt + 3 * 0x20'0000, 1, kLeaf);
  Shootdown shootdown(
      pointers_,
      ShootdownTarget{CpuSet::Only(CpuNumber(0)), CpuNumber(0), ShootdownScope::kOnePcid, Pcid(0)},
      counters_);
  shootdown.Flush(FlushRequest{VirtRange{kAt, 4 * 0x20'0000}, 21});
  EXPECT_EQ(counters_.page_flushes, 4u);
  EXPECT_EQ(tlbs_[0].size(), 0u);
}

}  // namespace
}  // namespace pageward::ptable
