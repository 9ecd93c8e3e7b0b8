// Looking before mapping: which leaves a range takes, which tables are missing, what is in the way.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/core/result.h"
#include "runtime/ptable/cursor.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// What is to be mapped where.
struct MapRequest {
  VirtRange range{};
  PhysAddr frame{};  ///< Where the first address leads; the others follow.
  LeafAttributes attributes{};
  unsigned largest_level = kMaxLevels - 1;  ///< No leaves above this one.
};

/// Returns what is left of `request` without its first `bytes`.
constexpr MapRequest WithoutFirst(MapRequest request, std::uint64_t bytes) {
  request.range = WithoutFirst(request.range, bytes);
  request.frame = request.frame + bytes;
  return request;
}

/// Counts tables, each once, while addresses go up.
template <typename Shape>
class TableCounter {
 public:
  /// Notes that the tables of levels from `lowest` up to, and not at, `existing` are needed for
  /// `at`. Requires: no address before was higher.
  void Note(VirtAddr at, unsigned lowest, unsigned existing) {
    for (unsigned level = lowest; level < existing; ++level) {
      // Which table of this level: 1 more, since 0 stands for none.
      const std::uint64_t number = (at.value() >> Shape::Shift(level + 1)) + 1;
      if (last_[level] != number) {
        last_[level] = number;
        ++count_;
      }
    }
  }

  std::uint64_t count() const { return count_; }

 private:
  std::array<std::uint64_t, kMaxLevels> last_{};
  std::uint64_t count_ = 0;
};

/// Finds out what mapping a range takes, without changing anything.
template <typename Table>
class MapSurvey {
  using Format = typename Table::Format;
  using Shape = typename Table::Shape;

 public:
  /// Requires: both outlive the survey.
  MapSurvey(Table& table, const MapRequest& request) : table_(table), request_(request) {}

  /// Returns how many tables are missing. Errors: kInvalid, kInUse.
  Result<std::uint64_t> CountTables() const {
    if (!IsSensible()) {
      return Error::kInvalid;
    }
    TableCounter<Shape> counter;
    Cursor cursor(table_);
    for (MapRequest rest = request_; rest.range.bytes > 0;) {
      cursor.Seek(rest.range.begin);
      if (cursor.entry().IsLeaf()) {
        return Error::kInUse;
      }
      const unsigned level = LeafLevel(rest, cursor.level());
      counter.Note(rest.range.begin, level, cursor.level());
      rest = WithoutFirst(rest, Shape::Bytes(level));
    }
    return counter.count();
  }

  /// Returns the level of the first leaf for `rest`, what is left of the request, in a place that
  /// has tables down to `existing`.
  unsigned LeafLevel(const MapRequest& rest, unsigned existing) const {
    unsigned level = existing < request_.largest_level ? existing : request_.largest_level;
    while (!Fits(rest, level)) {
      --level;  // Level 0 always fits.
    }
    return level;
  }

 private:
  // Whether the format can say all of the request. If it can for both ends, it can in between.
  bool IsSensible() const {
    const VirtRange range = request_.range;
    if (!Shape::Contains(range)) {
      return false;
    }
    const PhysAddr last = request_.frame + (range.bytes - kFrameBytes);
    const Format& format = table_.format();
    return last >= request_.frame &&
           format.CanMap(0, range.begin, request_.frame, request_.attributes) &&
           format.CanMap(0, LastOf(range), last, request_.attributes);
  }

  static bool Fits(const MapRequest& rest, unsigned level) {
    const std::uint64_t bytes = Shape::Bytes(level);
    return Format::HasLeaves(level) && rest.range.bytes >= bytes &&
           IsAligned(rest.range.begin.value() | rest.frame.value(), bytes);
  }

  Table& table_;
  const MapRequest& request_;
};

/// Returns how many tables are missing so that all of `range` has tables of `level`.
///
/// Errors: kInUse if a leaf of a higher level is there. Requires: Table::Shape::Contains(range).
template <typename Table>
Result<std::uint64_t> CountMissingTables(Table& table, VirtRange range, unsigned level) {
  using Shape = typename Table::Shape;
  TableCounter<Shape> counter;
  Cursor cursor(table);
  for (VirtRange rest = range; rest.bytes > 0;) {
    cursor.SeekAbove(rest.begin, level);
    if (cursor.entry().IsLeaf() && cursor.level() > level) {
      return Error::kInUse;
    }
    counter.Note(rest.begin, level, cursor.level());
    rest = Behind(AlignedRange(rest.begin, Shape::Shift(level + 1)), rest);
  }
  return counter.count();
}

}  // namespace pageward::ptable
