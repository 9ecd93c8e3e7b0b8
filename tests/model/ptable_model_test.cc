// Long random programs on page tables agree with a map of intervals: after each operation wherever
// the map begins or ends something, and after every tenth at every page.
//
// A program is drawn from a seed; where it disagrees, the operations up to there are printed. Table
// pages run out now and then, in which case nothing may have changed.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "runtime/ptable/collapse.h"
#include "runtime/ptable/set_memory.h"
#include "tests/support/ptable/interval_table.h"
#include "tests/support/ptable/random.h"
#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::IntervalTable;
using testing_support::Random;
using testing_support::TestTable;

enum class Kind : std::uint8_t { kMap, kUnmap, kProtect, kSetMemory, kPrepare, kSplit, kCollapse };

struct Operation {
  Kind kind = Kind::kMap;
  VirtRange range;
  std::uint64_t frame = 0;
  unsigned level = 0;
  LeafAttributes attributes;
  PermissionChange change;
  bool runs_out = false;
  std::uint64_t granted = 0;
};

std::string Describe(const Operation& operation) {
  static constexpr const char* kNames[] = {"Map",     "Unmap", "Protect", "SetMemory",
                                           "Prepare", "Split", "Collapse"};
  std::ostringstream out;
  out << kNames[static_cast<unsigned>(operation.kind)] << std::hex << " at 0x"
      << operation.range.begin.value() << " bytes 0x" << operation.range.bytes << " frame 0x"
      << operation.frame << std::dec << " level " << operation.level;
  if (operation.runs_out) {
    out << " with " << operation.granted << " table pages";
  }
  return out.str();
}

template <typename Format>
class PtableModelTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;
  static constexpr std::uint64_t kFirstFrame = 0x400'0000;

  // A range that begins, ends or lies near a boundary of some level, in a few gigabytes at the
  // start of a half or at the end of the last.
  VirtRange RandomRange() {
    const unsigned level = static_cast<unsigned>(random_.Below(3));
    const std::uint64_t unit = Shape::Bytes(level);
    const std::uint64_t most = level == 2 ? 2 : 20;
    std::uint64_t begin = random_.Below(3) * Shape::Bytes(2) + random_.Below(3) * Shape::Bytes(1);
    begin += level == 0 ? random_.Below(1024) * unit : 0;
    std::uint64_t bytes = (1 + random_.Below(most)) * unit;
    if (random_.OneIn(4)) {
      begin += kFrameBytes;
    }
    if (random_.OneIn(4) && bytes > kFrameBytes) {
      bytes -= kFrameBytes;
    }
    return VirtRange{base_ + begin, bytes};
  }

  PermissionChange RandomChange() {
    PermissionChange change;
    (random_.OneIn(2) ? change.is_readable : change.is_writable) = random_.OneIn(2);
    if (random_.OneIn(3)) {
      change.key = arch::Pkey(static_cast<unsigned>(random_.Below(3)));
    }
    return change;
  }

  Operation RandomOperation() {
    Operation operation;
    operation.kind = random_.OneOf({Kind::kMap, Kind::kMap, Kind::kMap, Kind::kUnmap, Kind::kUnmap,
                                    Kind::kProtect, Kind::kSetMemory, Kind::kPrepare, Kind::kSplit,
                                    Kind::kCollapse});
    do {
      operation.range = RandomRange();
    } while (!Shape::Contains(operation.range));
    operation.level = static_cast<unsigned>(random_.Below(3));
    // The same offset as the address in a large page, mostly, so that large leaves can be made; and
    // always where nothing but small ones would take thousands of tables.
    const std::uint64_t page = operation.range.begin.value() >> 12;
    operation.frame = kFirstFrame + (page & 0x7ffff);
    if (operation.range.bytes >= Shape::Bytes(2) / 2) {
      operation.level = operation.level == 0 ? 1 : operation.level;
    } else if (random_.OneIn(4)) {
      ++operation.frame;
    }
    operation.attributes.permissions = RandomChange().AppliedTo(Permissions{});
    operation.attributes.is_global = random_.OneIn(2);
    operation.change = RandomChange();
    operation.runs_out = random_.OneIn(5);
    operation.granted = random_.Below(5);
    return operation;
  }

  static IntervalTable::Pages PagesOf(VirtRange range) {
    const std::uint64_t begin = range.begin.value() >> 12;
    return {begin, begin + (range.bytes >> 12)};
  }

  Result<Changes> Perform(const Operation& operation) {
    const VirtRange range = operation.range;
    TlbGather gather = test_.Gather();
    Result<Changes> changes = Error::kInvalid;
    switch (operation.kind) {
      case Kind::kMap:
        changes = test_.Map(MapRequest{range, PhysAddr(operation.frame << 12), operation.attributes,
                                       operation.level});
        break;
      case Kind::kUnmap:
        changes = test_.mapper().Unmap(range, UnmapMode::kSplit, test_.source(), gather);
        break;
      case Kind::kProtect:
        changes = test_.mapper().Protect(range, operation.change, test_.source(), gather);
        break;
      case Kind::kSetMemory:
        changes = SetMemory(test_.table(), range, operation.change, test_.source(), gather);
        break;
      case Kind::kPrepare:
        changes = test_.mapper().Prepare(range, operation.level, test_.source());
        break;
      case Kind::kSplit:
        changes = test_.mapper().SplitAt(range.begin, test_.source());
        break;
      case Kind::kCollapse:
        changes = Collapse(test_.table(), range.begin, operation.level, gather);
        break;
    }
    gather.Finish();
    return changes;
  }

  // Does to the reference what the operation says, and returns the error that it must end in if
  // table pages do not run out.
  Status PerformOnReference(const Operation& operation) {
    const IntervalTable::Pages pages = PagesOf(operation.range);
    switch (operation.kind) {
      case Kind::kMap:
        if (reference_.IsAnyMapped(pages)) {
          return Error::kInUse;
        }
        reference_.Map(pages, operation.frame, operation.attributes);
        break;
      case Kind::kUnmap:
        reference_.Unmap(pages);
        break;
      case Kind::kSetMemory:
        if (!reference_.IsAllMapped(pages)) {
          return Error::kInvalid;
        }
        reference_.Protect(pages, operation.change);
        break;
      case Kind::kProtect:
        reference_.Protect(pages, operation.change);
        break;
      case Kind::kPrepare:
      case Kind::kSplit:
      case Kind::kCollapse:
        break;  // Nothing that can be seen at any page.
    }
    return {};
  }

  // Whether the outcome depends on how the same pages came to be mapped, which intervals do not
  // tell: then any of these is right, and nothing is seen of it.
  static bool MayFailOtherwise(const Operation& operation, Error error) {
    return (operation.kind == Kind::kPrepare && error == Error::kInUse) ||
           (operation.kind == Kind::kCollapse && error == Error::kInvalid);
  }

  void PerformAndCompare(const Operation& operation) {
    const IntervalTable before = reference_;
    const std::uint64_t tables_before = test_.table().table_count();
    if (operation.runs_out) {
      test_.source().FailAfter(operation.granted);
    }
    const Result<Changes> changes = Perform(operation);
    test_.source().StopFailing();
    const Status expected = PerformOnReference(operation);
    if (!changes.ok()) {
      const bool ran_out = operation.runs_out && changes.error() == Error::kNoMemory;
      ran_out_ += ran_out ? 1 : 0;
      reference_ = before;
      ASSERT_TRUE(ran_out || MayFailOtherwise(operation, changes.error()) ||
                  (!expected.ok() && expected.error() == changes.error()))
          << NameOf(changes.error());
      ASSERT_EQ(test_.table().table_count(), tables_before);
    } else {
      ASSERT_TRUE(expected.ok());
      ASSERT_EQ(test_.table().table_count(),
                tables_before + changes->tables_added - changes->tables_removed);
    }
    ASSERT_NO_FATAL_FAILURE(Compare(reference_.Boundaries()));
  }

  // Between two places where either side changes, both are straight lines.
  void CompareEveryPage() {
    test_.CheckInvariants();
    std::vector<std::uint64_t> pages = reference_.Boundaries();
    for (std::uint64_t offset = 0; offset < 8 * Shape::Bytes(2);) {
      const VirtAddr at = base_ + offset;
      if (!Shape::Contains(at)) {
        break;
      }
      const Found found = test_.table().Find(at);
      const std::uint64_t end =
          (offset & ~(Shape::Bytes(found.level) - 1)) + Shape::Bytes(found.level);
      pages.push_back(at.value() >> 12);
      pages.push_back((base_ + (end - kFrameBytes)).value() >> 12);
      offset = end;
    }
    Compare(pages);
  }

  void Compare(const std::vector<std::uint64_t>& pages) {
    for (const std::uint64_t page : pages) {
      const VirtAddr at(page << 12);
      if (!Shape::Contains(at)) {
        continue;
      }
      const Found found = test_.table().Find(at);
      const auto expected = reference_.Find(page);
      ASSERT_EQ(found.entry.IsLeaf(), expected.has_value()) << std::hex << at.value();
      if (expected) {
        const VirtRange leaf = Shape::EntryRange(found.level, at);
        ASSERT_EQ(found.entry.frame() + (at - leaf.begin), PhysAddr(expected->frame << 12));
        ASSERT_EQ(found.entry.attributes(), expected->attributes) << std::hex << at.value();
      }
    }
  }

  static std::string Of(std::uint64_t seed, const std::string& log) {
    return "seed " + std::to_string(seed) + ", after\n" + log;
  }

  void RunProgram(std::uint64_t seed, VirtAddr base, int operations) {
    random_ = Random(seed);
    base_ = base;
    std::string log;
    for (int i = 0; i < operations; ++i) {
      const Operation operation = RandomOperation();
      log += Describe(operation) + "\n";
      ASSERT_NO_FATAL_FAILURE(PerformAndCompare(operation)) << "seed " << seed << ", after\n"
                                                            << log;
    }
  }

  TestTable<Format> test_{512};
  IntervalTable reference_;
  Random random_{1};
  VirtAddr base_;
  int ran_out_ = 0;
};
TYPED_TEST_SUITE(PtableModelTest, testing_support::AllFormats, testing_support::FormatNames);

// Spec: T109, T114
TYPED_TEST(PtableModelTest, AThousandRandomOperationsAgreeWithAMapOfIntervals) {
  const VirtRange first = TestTable<TypeParam>::Halves().front();
  const VirtRange last = TestTable<TypeParam>::Halves().back();
  ASSERT_NO_FATAL_FAILURE(this->RunProgram(3, first.begin + Geometry<TypeParam>::Bytes(0), 350));
  ASSERT_NO_FATAL_FAILURE(this->RunProgram(5, first.begin, 350));
  ASSERT_NO_FATAL_FAILURE(this->RunProgram(
      7, last.begin + (last.bytes > 8 * Geometry<TypeParam>::Bytes(2) ? last.bytes / 2 : 0), 350));
  EXPECT_GT(this->ran_out_, 10) << "or failure was never tried";
}

}  // namespace
}  // namespace pageward::ptable
