// A page table of any format with fakes around it, and the list of formats to try everything with.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/ptable/exemplar_format.h"
#include "runtime/ptable/mapper.h"
#include "runtime/ptable/page_table.h"
#include "runtime/ptable/tlb_gather.h"
#include "runtime/ptable/x86_64_format.h"
#include "tests/support/ptable/fake_ptp_source.h"
#include "tests/support/ptable/fake_table_memory.h"

namespace pageward::testing_support {

using X86FourLevels = ptable::X86_64Format<4>;
using X86FiveLevels = ptable::X86_64Format<5>;
using X86Formats = testing::Types<X86FourLevels, X86FiveLevels>;
using AllFormats = testing::Types<X86FourLevels, X86FiveLevels, ptable::ExemplarFormat>;

struct FormatNames {
  template <typename T>
  static std::string GetName(int) {
    if (std::is_same_v<T, ptable::ExemplarFormat>) {
      return "Exemplar";
    }
    return std::is_same_v<T, X86FourLevels> ? "FourLevels" : "FiveLevels";
  }
};

/// Writes down what it is asked to flush.
class RecordingFlusher final : public ptable::TlbFlusher {
 public:
  void Flush(const ptable::FlushRequest& request) override { requests_.push_back(request); }

  const std::vector<ptable::FlushRequest>& requests() const { return requests_; }
  void Clear() { requests_.clear(); }

 private:
  std::vector<ptable::FlushRequest> requests_;
};

/// A page table in memory of its own.
template <typename FormatType>
class TestTable {
 public:
  using Format = FormatType;
  using Table = ptable::PageTable<Format, FakeTableMemory>;
  using Shape = typename Table::Shape;

  explicit TestTable(std::uint32_t frames = 64, const Format& format = Format())
      : memory_(frames), source_(memory_), table_(format, memory_, FakeTableMemory::FrameAt(0)) {}

  FakeTableMemory& memory() { return memory_; }
  FakePtpSource& source() { return source_; }
  Table& table() { return table_; }
  ptable::Mapper<Table> mapper() { return ptable::Mapper<Table>(table_); }
  RecordingFlusher& flusher() { return flusher_; }

  ptable::TlbGather Gather(ptable::FlushMode mode = ptable::FlushMode::kMerged) {
    return ptable::TlbGather(mode, flusher_, source_);
  }

  // One operation, flushed.

  Result<ptable::Changes> Map(const ptable::MapRequest& request) {
    return mapper().Map(request, source_);
  }
  Result<ptable::Changes> Map(VirtRange range, PhysAddr frame,
                              unsigned largest_level = ptable::kMaxLevels - 1) {
    return Map(ptable::MapRequest{range, frame, WritableData(), largest_level});
  }
  Result<ptable::Changes> Unmap(VirtRange range,
                                ptable::UnmapMode mode = ptable::UnmapMode::kSplit) {
    ptable::TlbGather gather = Gather();
    const auto changes = mapper().Unmap(range, mode, source_, gather);
    gather.Finish();
    return changes;
  }
  Result<ptable::Changes> Protect(VirtRange range, const ptable::PermissionChange& change) {
    ptable::TlbGather gather = Gather();
    const auto changes = mapper().Protect(range, change, source_, gather);
    gather.Finish();
    return changes;
  }

  /// Readable and writable by everybody who gets there, as most mappings are.
  static ptable::LeafAttributes WritableData() {
    return ptable::LeafAttributes{.permissions = {.is_writable = true}};
  }

  /// The first address of each piece of the address space that can be translated, and its bytes.
  static std::vector<VirtRange> Halves() {
    const std::uint64_t all = std::uint64_t{1} << Shape::kAddressBits;
    if (!Format::kSignExtends) {
      return {VirtRange{VirtAddr(0), all}};
    }
    return {VirtRange{VirtAddr(0), all / 2}, VirtRange{VirtAddr(0 - all / 2), all / 2}};
  }

  /// Where something can go wrong for leaves of `level`: the first, the last and a boundary place,
  /// in each half.
  static std::vector<VirtAddr> PlacesFor(unsigned level) {
    std::vector<VirtAddr> places;
    for (const VirtRange half : Halves()) {
      places.push_back(half.begin);
      places.push_back(half.end() - Shape::Bytes(level));
      places.push_back(half.begin + half.bytes / 2);
      places.push_back(half.begin + half.bytes / 2 - Shape::Bytes(level));
    }
    return places;
  }

  /// A place in physical memory with room for a leaf of `level`, 1 GiB aligned.
  static constexpr PhysAddr kFrames{0x40'0000'0000};

  /// Dies unless the tables are what they should be and no page is lost.
  void CheckInvariants() {
    table_.CheckInvariants();
    EXPECT_EQ(source_.outside(), table_.table_count());
  }

 private:
  FakeTableMemory memory_;
  FakePtpSource source_;
  Table table_;
  RecordingFlusher flusher_;
};

/// Calls `body(level)` for each level of `Format` that has leaves.
template <typename Format, typename Body>
void ForEachLeafLevel(Body body) {
  for (unsigned level = 0; level < Format::kLevels; ++level) {
    if (Format::HasLeaves(level)) {
      SCOPED_TRACE("level " + std::to_string(level));
      body(level);
    }
  }
}

}  // namespace pageward::testing_support
