// Random traces of pages, and a slow record of what they come to: for the test of the matcher and
// for its fuzzer.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "tests/support/ptable/number_source.h"
#include "tools/pageward/import/kmem_matcher.h"

namespace pageward::testing_support {

/// Keeps blocks in a map and aborts if it is told of something that can't be.
class CheckingKeeper final : public tool::BlockKeeper {
 public:
  void Allocate(const tool::KmemEvent& event, tool::HeldBlock* block) override {
    block->place = tool::BlockPlace::kMapped;
    block->frame = next_frame_;
    next_frame_ = next_frame_ + FrameCount(1u << event.order);
    Need(!HoldsAny(event.pfn, event.pfn + block->pages()), "allocated twice", event.pfn);
    Need(block->pfn == event.pfn && block->order == event.order, "another block", event.pfn);
    blocks_[block->pfn] = *block;
  }
  bool Split(const tool::HeldBlock& block) override {
    Need(IsHere(block) && block.order > 0, "split what is not there", block.pfn);
    tool::HeldBlock lower = block;
    --lower.order;
    tool::HeldBlock upper = lower;
    upper.pfn += lower.pages();
    upper.frame = lower.frame + FrameCount(static_cast<std::uint32_t>(lower.pages()));
    blocks_[lower.pfn] = lower;
    blocks_[upper.pfn] = upper;
    return true;
  }
  void Free(const tool::KmemEvent&, const tool::HeldBlock& block) override {
    Need(IsHere(block), "freed what is not there", block.pfn);
    blocks_.erase(block.pfn);
  }

  const std::map<std::uint64_t, tool::HeldBlock>& blocks() const { return blocks_; }
  bool Holds(std::uint64_t pfn) const { return HoldsAny(pfn, pfn + 1); }
  bool HoldsAny(std::uint64_t begin, std::uint64_t end) const {
    auto above = blocks_.lower_bound(end);
    if (above == blocks_.begin()) {
      return false;
    }
    --above;
    return above->first + above->second.pages() > begin;
  }

  /// Aborts if `ledger` has other blocks than were told of.
  void Compare(const tool::PageLedger& ledger) const {
    std::uint64_t pages = 0;
    for (const auto& [pfn, block] : blocks_) {
      Need(ledger.Containing(pfn + block.pages() - 1) == block, "the ledger differs", pfn);
      pages += block.pages();
    }
    Need(ledger.pages() == pages, "the ledger has more", pages);
  }

 private:
  bool IsHere(const tool::HeldBlock& block) const {
    const auto found = blocks_.find(block.pfn);
    return found != blocks_.end() && found->second == block;
  }
  static void Need(bool holds, const char* what, std::uint64_t pfn) {
    if (!holds) {
      std::fprintf(stderr, "%s: %#llx\n", what, static_cast<unsigned long long>(pfn));
      std::abort();
    }
  }

  std::map<std::uint64_t, tool::HeldBlock> blocks_;
  FrameNumber next_frame_{};
};

/// Writes lines as tracers do, and some that they do not.
class KmemTextWriter {
 public:
  /// Pages of the traced machine: few, so that frees find something.
  static constexpr std::uint64_t kPages = 1 << 13;

  explicit KmemTextWriter(NumberSource& numbers) : numbers_(numbers) {}

  std::string Line() {
    switch (numbers_.Below(16)) {
      case 0:
        return Noise();
      case 1:
        return Damaged(Event());
      default:
        return Event();
    }
  }

 private:
  std::string Number(std::uint64_t number) {
    char text[32];
    std::snprintf(text, sizeof text, numbers_.OneIn(2) ? "0x%llx" : "%llu",
                  static_cast<unsigned long long>(number));
    return text;
  }

  std::string Event() {
    static const std::vector<std::string> kFlags = {
        "GFP_KERNEL",          "GFP_HIGHUSER_MOVABLE|__GFP_ZERO", "0x140cca",
        "GFP_TRANSHUGE_LIGHT", "GFP_ATOMIC|__GFP_NOWARN",         "none"};
    const auto order = static_cast<unsigned>(numbers_.OneIn(3) ? numbers_.Below(11) : 0);
    const std::uint64_t pfn = 0x10'0000 + (numbers_.Below(kPages) >> order << order);
    const bool is_perf = numbers_.OneIn(2);
    std::string line = is_perf ? "some task 7 [" : "some-7 [";
    line += std::to_string(numbers_.Below(6)) + "] 12.345: ";
    line += is_perf ? "kmem:" : "";
    const std::string page = " page=0x1 pfn=" + Number(pfn);
    switch (numbers_.Below(8)) {
      case 0:
        return line + "mm_page_free_batched:" + page + " order=0";
      case 1:
        return line + "mm_page_alloc_extfrag:" + page + " alloc_order=" + std::to_string(order) +
               " fragmenting=1 change_ownership=0";
      case 2:
      case 3:
      case 4:
        return line + "mm_page_free:" + page + " order=" + Number(order);
      default:
        return line + "mm_page_alloc:" + page + " order=" + Number(order) +
               " migratetype=" + std::to_string(numbers_.Below(3)) +
               " gfp_flags=" + numbers_.OneOf(kFlags);
    }
  }

  std::string Noise() {
    static const std::vector<std::string> kNoise = {
        "",
        "# tracer: nop",
        "CPU:1 [34 EVENTS DROPPED]",
        "\tffff alloc_pages+0x1 (vmlinux)",
        "a 1 [000] 1.5: sched:sched_switch: prev_comm=x",
        "cpus=4"};
    return numbers_.OneOf(kNoise);
  }

  std::string Damaged(std::string line) {
    if (numbers_.OneIn(2)) {
      return line.substr(0, numbers_.Below(line.size()));
    }
    line[numbers_.Below(line.size())] = static_cast<char>(numbers_.Below(256));
    return line;
  }

  NumberSource& numbers_;
};

}  // namespace pageward::testing_support
