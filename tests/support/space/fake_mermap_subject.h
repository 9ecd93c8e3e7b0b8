// Ephemeral views over nothing: maps from pages to frames, and a cache that forgets when told.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/space/prepared_once.h"
#include "tests/support/space/mermap_subject.h"

namespace pageward::testing_support {

class FakeMermapSubject final : public MermapSubject, public space::ViewBackend {
 public:
  static constexpr std::uint32_t kPages = 512;
  static constexpr std::uint32_t kFrames = 1024;
  static constexpr VirtAddr kBase{0xffff'8800'0020'0000};

  // MermapSubject
  Status Prepare() override {
    return prepared_.Prepare([this]() -> Status {
      ++preparations_;
      if (fails_preparation_) {
        fails_preparation_ = false;
        return Error::kNoMemory;
      }
      return {};
    });
  }
  void FailNextPreparation() override { fails_preparation_ = true; }
  std::uint64_t preparations() override { return preparations_; }
  space::MermapRegion& region() override { return region_; }
  space::StaleFrames& stale() override { return stale_; }
  FrameNumber frame(std::uint32_t index) override { return FrameNumber(index); }
  std::uint64_t ContentOf(FrameNumber frame) override { return 0xc0de'0000u + frame.value; }
  void FailNextMapping(std::uint32_t pages) override { pages_until_failure_ = pages; }
  std::uint64_t pins() override { return pins_; }
  std::uint64_t flushes() override { return flushes_; }
  std::uint64_t allocations() override { return 0; }
  void EnterInterrupt() override { ++interrupts_; }
  void LeaveInterrupt() override { --interrupts_; }
  std::optional<std::uint64_t> Read(VirtAddr at) override {
    return pins_ > 0 ? Probe(at) : std::nullopt;
  }
  std::optional<std::uint64_t> Probe(VirtAddr at) override {
    const std::optional<Page> page = Translate(at);
    return page ? std::optional(ContentOf(page->frame)) : std::nullopt;
  }
  bool Write(VirtAddr at, std::uint64_t) override {
    const std::optional<Page> page = Translate(at);
    return pins_ > 0 && page && page->access == space::ViewAccess::kReadWrite;
  }
  std::optional<std::uint64_t> ReadElsewhere(VirtAddr) override { return std::nullopt; }
  std::optional<std::uint64_t> ReadInAnotherSpace(VirtAddr) override { return std::nullopt; }
  bool IsAnythingOpen() override { return pins_ > 0; }

  // space::ViewBackend
  bool IsPrepared() const override { return prepared_.IsReady(); }
  bool IsProcessContext() const override { return interrupts_ == 0; }
  void Pin() override { ++pins_; }
  void Unpin() override { --pins_; }
  Status Map(VirtRange at, FrameRange frames, space::ViewAccess access) override {
    for (std::uint32_t i = 0; i < frames.count.value; ++i) {
      if (pages_until_failure_ && (*pages_until_failure_)-- == 0) {
        pages_until_failure_.reset();
        return Error::kNoMemory;
      }
      table_[at.begin + i * kFrameBytes] = Page{frames.begin + FrameCount(i), access};
    }
    return {};
  }
  void Unmap(VirtRange at) override {
    for (std::uint64_t offset = 0; offset < at.bytes; offset += kFrameBytes) {
      table_.erase(at.begin + offset);
    }
  }
  void Flush(VirtRange at) override {
    ++flushes_;
    std::erase_if(cache_, [&](const auto& entry) { return at.Contains(entry.first); });
  }

 private:
  struct Page {
    FrameNumber frame;
    space::ViewAccess access = space::ViewAccess::kReadOnly;
  };

  std::optional<Page> Translate(VirtAddr at) {
    const VirtAddr page(at.value() & ~std::uint64_t{kFrameBytes - 1});
    if (const auto cached = cache_.find(page); cached != cache_.end()) {
      return cached->second;
    }
    const auto found = table_.find(page);
    return found == table_.end() ? std::nullopt : std::optional(cache_[page] = found->second);
  }

  space::PreparedOnce prepared_{LockRank::kSpace};
  std::map<VirtAddr, Page> table_;
  std::map<VirtAddr, Page> cache_;
  std::vector<std::uint32_t> shown_ = std::vector<std::uint32_t>(kPages);
  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(kFrames);
  space::StaleFrames stale_{counts_};
  space::MermapRegion region_{VirtRange{kBase, kPages* kFrameBytes}, shown_, *this, stale_};
  std::optional<std::uint32_t> pages_until_failure_;
  std::uint64_t preparations_ = 0;
  std::uint64_t pins_ = 0;
  std::uint64_t flushes_ = 0;
  int interrupts_ = 0;
  bool fails_preparation_ = false;
};

}  // namespace pageward::testing_support
