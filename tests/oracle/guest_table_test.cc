// A guest's page table in ordinary pages of this process: whoever builds one, in pages from
// wherever, is understood by the software MMU and by an MMU of independent origin.
#include "tests/oracle/guest_table.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "tests/oracle/qemu_process.h"

namespace pageward::oracle {
namespace {

/// Pages of this process.
class OrdinaryPages {
 public:
  explicit OrdinaryPages(std::size_t count)
      : bytes_(count * kFrameBytes),
        begin_(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~OrdinaryPages() { munmap(begin_, bytes_); }
  OrdinaryPages(const OrdinaryPages&) = delete;
  OrdinaryPages& operator=(const OrdinaryPages&) = delete;

  std::vector<void*> pages() const {
    std::vector<void*> pages;
    for (std::size_t offset = 0; offset < bytes_; offset += kFrameBytes) {
      pages.push_back(static_cast<std::byte*>(begin_) + offset);
    }
    return pages;
  }

 private:
  const std::size_t bytes_;
  void* const begin_;
};

/// Any pages of this process as the memory of a guest, from kGuestBase on in the order given. Knows
/// nothing of who they belong to.
class GuestMemory {
 public:
  explicit GuestMemory(std::vector<void*> pages) : pages_(std::move(pages)) {}

  std::uint64_t Load(PhysAddr at) const { return Word(at).load(std::memory_order_acquire); }
  void Store(PhysAddr at, std::uint64_t word) { Word(at).store(word, std::memory_order_release); }
  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    Word(at).compare_exchange_strong(expected, word);
    return expected;
  }

  std::size_t size() const { return pages_.size(); }

  /// The same bytes at the same addresses.
  SparseRam Copy() const {
    SparseRam ram;
    for (std::size_t i = 0; i < pages_.size(); ++i) {
      SparseRam::Frame& frame = ram.FrameAt(GuestFrameAt(i).value() / kFrameBytes);
      std::copy_n(static_cast<const std::uint64_t*>(pages_[i]), frame.size(), frame.begin());
    }
    return ram;
  }

 private:
  std::atomic_ref<std::uint64_t> Word(PhysAddr at) const {
    const std::uint64_t offset = at - kGuestBase;
    auto* words = static_cast<std::uint64_t*>(pages_.at(offset / kFrameBytes));
    return std::atomic_ref<std::uint64_t>(words[offset % kFrameBytes / 8]);
  }

  std::vector<void*> pages_;
};

// Spec: T130
TEST(GuestTableTest, OrdinaryPagesAreWalkedTheSameByBoth) {
  if (const auto why = WhyNoQemu()) {
    GTEST_SKIP() << *why;
  }
  OrdinaryPages four(kGuestPages);
  GuestMemory with_four_levels(four.pages());
  CompareWalks<4>(with_four_levels, 1, "guest tables");
  OrdinaryPages five(kGuestPages);
  GuestMemory with_five_levels(five.pages());
  CompareWalks<5>(with_five_levels, 2, "guest tables of five levels");
}

}  // namespace
}  // namespace pageward::oracle
