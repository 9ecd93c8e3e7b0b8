// A page table as a map from intervals of addresses to frames and permissions: slow, obvious, and
// without levels, entries or words. What page tables are compared with.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include "runtime/ptable/vocabulary.h"

namespace pageward::testing_support {

/// What every page of an interval has in common; frames follow each other.
struct Interval {
  std::uint64_t pages = 0;
  std::uint64_t first_frame = 0;
  ptable::LeafAttributes attributes;
};

class IntervalTable {
 public:
  /// Page numbers, half-open.
  struct Pages {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  bool IsAnyMapped(Pages pages) const {
    const auto after = intervals_.lower_bound(pages.end);
    return after != intervals_.begin() &&
           std::prev(after)->first + std::prev(after)->second.pages > pages.begin;
  }

  bool IsAllMapped(Pages pages) const {
    for (std::uint64_t at = pages.begin; at < pages.end;) {
      const auto found = Containing(at);
      if (found == intervals_.end()) {
        return false;
      }
      at = found->first + found->second.pages;
    }
    return true;
  }

  void Map(Pages pages, std::uint64_t first_frame, const ptable::LeafAttributes& attributes) {
    intervals_[pages.begin] = Interval{pages.end - pages.begin, first_frame, attributes};
  }

  void Unmap(Pages pages) {
    CutAt(pages.begin);
    CutAt(pages.end);
    intervals_.erase(intervals_.lower_bound(pages.begin), intervals_.lower_bound(pages.end));
  }

  void Protect(Pages pages, const ptable::PermissionChange& change) {
    CutAt(pages.begin);
    CutAt(pages.end);
    for (auto at = intervals_.lower_bound(pages.begin);
         at != intervals_.end() && at->first < pages.end; ++at) {
      at->second.attributes.permissions = change.AppliedTo(at->second.attributes.permissions);
    }
  }

  struct Page {
    std::uint64_t frame = 0;
    ptable::LeafAttributes attributes;
  };
  std::optional<Page> Find(std::uint64_t page) const {
    const auto found = Containing(page);
    if (found == intervals_.end()) {
      return std::nullopt;
    }
    return Page{found->second.first_frame + (page - found->first), found->second.attributes};
  }

  /// Every page at which something begins or ends, and the pages before.
  std::vector<std::uint64_t> Boundaries() const {
    std::vector<std::uint64_t> boundaries;
    for (const auto& [begin, interval] : intervals_) {
      for (const std::uint64_t at : {begin, begin + interval.pages}) {
        boundaries.push_back(at - 1);
        boundaries.push_back(at);
      }
    }
    return boundaries;
  }

 private:
  using Map_ = std::map<std::uint64_t, Interval>;

  Map_::const_iterator Containing(std::uint64_t page) const {
    const auto after = intervals_.upper_bound(page);
    if (after == intervals_.begin() ||
        std::prev(after)->first + std::prev(after)->second.pages <= page) {
      return intervals_.end();
    }
    return std::prev(after);
  }

  void CutAt(std::uint64_t page) {
    const auto found = Containing(page);
    if (found == intervals_.end() || found->first == page) {
      return;
    }
    Interval& first = intervals_[found->first];
    const std::uint64_t kept = page - found->first;
    intervals_[page] = Interval{first.pages - kept, first.first_frame + kept, first.attributes};
    intervals_[found->first].pages = kept;
  }

  Map_ intervals_;
};

}  // namespace pageward::testing_support
