#include "runtime/domain/domain_zone.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/domain/test_domains.h"

namespace pageward::domain {
namespace {

using testing_support::IsReadable;
using testing_support::OpenedForAll;
using testing_support::TestDomains;
using Kind = testing_support::FaultInjector::Kind;

// How many mappings of the process lie in `range`.
std::size_t MappingsIn(VirtRange range) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    const std::uint64_t begin = std::stoull(line, nullptr, 16);
    count += range.Contains(VirtAddr(begin)) ? 1u : 0u;
  }
  return count;
}

TEST(DomainZoneTest, ClosedNeighboursShareAMappingWhoeverTheyBelongTo) {
  TestDomains domains;
  Options options;
  options.lock = LockPolicy::kNever;
  std::vector<Handle> handles;
  for (int i = 0; i < 300; ++i) {
    handles.push_back(domains.Create(options));
    std::uint8_t* object = domains.Allocate(handles.back(), 100);
    ASSERT_NE(object, nullptr);
    const OpenedForAll window(*domains, handles.back());
    object[0] = 1;
  }
  EXPECT_LE(MappingsIn(domains->zone_range()), 16u);
  for (int round = 0; round < 2; ++round) {
    for (const Handle handle : handles) {
      EXPECT_TRUE(OpenedForAll(*domains, handle).IsOpen());
    }
  }
  EXPECT_LE(MappingsIn(domains->zone_range()), 16u);
}

TEST(DomainZoneTest, AWindowIsOneChangeForEachRunOfPageblocks) {
  TestDomains domains;
  const Handle handle = domains.Create();
  ASSERT_NE(domains.Allocate(handle, 5 * kPageblockBytes), nullptr);
  const std::uint64_t before = domains->counters().rights_changes;
  EXPECT_TRUE(OpenedForAll(*domains, handle).IsOpen());
  EXPECT_EQ(domains->counters().rights_changes, before + 2);
}

TEST(DomainZoneTest, MemoryThatADomainGetsInsideAWindowIsOpenToo) {
  TestDomains domains;
  const Handle handle = domains.Create();
  std::uint8_t* object = nullptr;
  {
    const OpenedForAll window(*domains, handle);
    object = domains.Allocate(handle, kPageblockBytes);
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(object[0], 0);
  }
  EXPECT_FALSE(IsReadable(object));
}

TEST(DomainZoneTest, AChangeThatFailsHalfWayIsTakenBack) {
  TestDomains domains;
  const Handle handle = domains.Create();
  const Handle between = domains.Create();
  std::uint8_t* first = domains.Allocate(handle, kPageblockBytes);
  ASSERT_NE(domains.Allocate(between, kPageblockBytes), nullptr);
  std::uint8_t* second = domains.Allocate(handle, kPageblockBytes);
  ASSERT_TRUE(first != nullptr && second != nullptr && second != first + kPageblockBytes);
  domains.os().faults().FailAfter(Kind::kProtect, 1, Error::kTooManyMappings, 1);
  EXPECT_FALSE(OpenedForAll(*domains, handle).IsOpen());
  EXPECT_FALSE(IsReadable(first));
  EXPECT_FALSE(IsReadable(second));
  EXPECT_TRUE(OpenedForAll(*domains, handle).IsOpen());
}

TEST(DomainZoneTest, TheEndOfTheZoneIsAnAnswer) {
  TestDomains domains;
  Options options;
  options.lock = LockPolicy::kNever;
  const Handle handle = domains.Create(options);
  const std::uint64_t zone = domains->zone_range().bytes;
  EXPECT_EQ(domains.Allocate(handle, zone + 1), nullptr);
  EXPECT_NE(domains.Allocate(handle, zone / 4), nullptr);
  int more = 0;
  while (domains.Allocate(handle, zone / 4) != nullptr) {
    ++more;
    ASSERT_LE(more, 4);
  }
  EXPECT_GE(more, 2);
  domains->CheckInvariants();
}

}  // namespace
}  // namespace pageward::domain
