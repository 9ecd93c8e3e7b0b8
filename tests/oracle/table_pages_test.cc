// A guest's page table in table pages: pages of the simulated kernel that carry the key of tables,
// which it writes at the level of tables only.
#include <gtest/gtest.h>

#include <vector>

#include "tests/oracle/guest_table.h"
#include "tests/oracle/qemu_process.h"
#include "tests/support/sim/test_kernel.h"

namespace pageward::oracle {
namespace {

using testing_support::ConfigOf;
using testing_support::TestKernel;

/// Table pages of a simulated kernel as the first half of a guest's memory, ordinary frames of the
/// kernel's as the rest. Everything is written as the kernel writes: with the rights it has.
class TablePages {
 public:
  explicit TablePages(TestKernel& kernel) : kernel_(kernel) {
    for (std::size_t i = 0; i < kGuestPages / 2; ++i) {
      frames_.push_back(*kernel_->tables().Allocate(sim::kKernelAccount));
    }
    for (std::size_t i = kGuestPages / 2; i < kGuestPages; ++i) {
      frames_.push_back(
          *kernel_->AllocateFrame(Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable)));
      kernel_->ram().Zero(frames_.back());
    }
  }
  ~TablePages() {
    for (std::size_t i = 0; i < kGuestPages / 2; ++i) {
      kernel_->memory().ZeroTable(frames_[i]);
      kernel_->tables().Free(frames_[i]);
    }
    for (std::size_t i = kGuestPages / 2; i < kGuestPages; ++i) {
      kernel_->FreeFrame(frames_[i], Order(0));
    }
  }
  TablePages(const TablePages&) = delete;
  TablePages& operator=(const TablePages&) = delete;

  std::uint64_t Load(PhysAddr at) const { return kernel_->memory().Load(HostOf(at)); }
  void Store(PhysAddr at, std::uint64_t word) { kernel_->memory().Store(HostOf(at), word); }
  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    return kernel_->memory().CompareExchange(HostOf(at), expected, word);
  }
  std::size_t size() const { return frames_.size(); }

  SparseRam Copy() const {
    SparseRam ram;
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      SparseRam::Frame& frame = ram.FrameAt(GuestFrameAt(i).value() / kFrameBytes);
      for (std::size_t word = 0; word < frame.size(); ++word) {
        frame[word] = Load(GuestFrameAt(i) + word * 8);
      }
    }
    return ram;
  }

  // Writes to each page at the level that the kernel is at by itself: as much as it holds already.
  // Those of tables refuse, and the others don't.
  void ExpectTablesAreClosed() {
    for (std::size_t i = 0; i < kGuestPages; ++i) {
      const bool is_table = i < kGuestPages / 2;
      const VirtAddr home = kernel_->memory().DirectAddressOf(kernel_->ram().AddressOf(frames_[i]));
      EXPECT_EQ(kernel_->tables().IsProtected(frames_[i]), is_table) << i;
      EXPECT_EQ(kernel_.cpu().Write(home, Load(GuestFrameAt(i))).ok(), !is_table) << i;
    }
  }

 private:
  PhysAddr HostOf(PhysAddr at) const {
    const std::uint64_t offset = at - kGuestBase;
    return kernel_->ram().AddressOf(frames_.at(offset / kFrameBytes)) + offset % kFrameBytes;
  }

  TestKernel& kernel_;
  std::vector<FrameNumber> frames_;
};

// Spec: U37
TEST(TablePagesTest, AGuestsTableInTablePagesIsWalkedTheSameByBoth) {
  if (const auto why = WhyNoQemu()) {
    GTEST_SKIP() << *why;
  }
  TestKernel kernel(ConfigOf(std::uint64_t{256} << 20));
  {
    TablePages memory(kernel);
    memory.ExpectTablesAreClosed();
    CompareWalks<4>(memory, 1, "table pages");
    memory.ExpectTablesAreClosed();
  }
  {
    TablePages memory(kernel);
    CompareWalks<5>(memory, 2, "table pages of five levels");
  }
  kernel->CheckInvariants();
}

}  // namespace
}  // namespace pageward::oracle
