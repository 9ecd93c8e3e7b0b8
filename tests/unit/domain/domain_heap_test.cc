#include "runtime/domain/domain_heap.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/support/domain/test_domains.h"

namespace pageward::domain {
namespace {

using testing_support::TestDomains;

std::uint64_t ReservedBytes(TestDomains& domains, Handle handle) {
  Description description;
  EXPECT_TRUE(domains->Describe(handle, &description).ok());
  return description.reserved_bytes;
}

TEST(DomainHeapTest, SmallObjectsShareSlabsWithoutGaps) {
  TestDomains domains;
  const Handle handle = domains.Create();
  std::uint8_t* first = domains.Allocate(handle, 32);
  for (std::size_t i = 1; i < 128; ++i) {
    EXPECT_EQ(domains.Allocate(handle, 32), first + 32 * i);
  }
}

TEST(DomainHeapTest, AHundredThousandSmallSecretsNeedLittleMoreThanTheirSize) {
  TestDomains domains;
  const Handle handle = domains.Create();
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_NE(domains.Allocate(handle, 32), nullptr);
  }
  EXPECT_LE(ReservedBytes(domains, handle), 100'000u * (32 + 64));
}

TEST(DomainHeapTest, AFreedObjectIsTheNextOneOfItsClass) {
  TestDomains domains;
  const Handle handle = domains.Create();
  std::uint8_t* object = domains.Allocate(handle, 48);
  ASSERT_NE(domains.Allocate(handle, 48), nullptr);
  ASSERT_TRUE(domains.Free(handle, object).ok());
  EXPECT_EQ(domains.Allocate(handle, 33), object);
}

TEST(DomainHeapTest, DomainsNeverShareAPageblock) {
  TestDomains domains;
  const Handle one = domains.Create();
  const Handle other = domains.Create();
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t a = VirtAddr::Of(domains.Allocate(one, 4096)).value();
    const std::uint64_t b = VirtAddr::Of(domains.Allocate(other, 4096)).value();
    EXPECT_NE(a >> kPageblockBytesLog2, b >> kPageblockBytesLog2);
  }
}

TEST(DomainHeapTest, RandomObjectsOfManySizesNeverOverlap) {
  TestDomains domains;
  const Handle handles[] = {domains.Create(), domains.Create(), domains.Create()};
  struct Object {
    std::uint8_t* begin;
    std::size_t bytes;
    std::size_t domain;
  };
  std::vector<Object> objects;
  std::mt19937 random(20240229);
  for (int step = 0; step < 6000; ++step) {
    if (objects.empty() || random() % 5 < 3) {
      const std::size_t domain = random() % 3;
      const std::size_t bytes = 1 + random() % (std::size_t{1} << (random() % 18));
      std::uint8_t* begin =
          domains.Allocate(handles[domain], bytes, std::size_t{1} << (random() % 14));
      ASSERT_NE(begin, nullptr);
      for (const Object& other : objects) {
        ASSERT_TRUE(begin + bytes <= other.begin || other.begin + other.bytes <= begin) << step;
      }
      objects.push_back({begin, bytes, domain});
    } else {
      const std::size_t at = random() % objects.size();
      ASSERT_TRUE(domains.Free(handles[objects[at].domain], objects[at].begin).ok());
      objects[at] = objects.back();
      objects.pop_back();
    }
    if (step % 500 == 0) {
      domains->CheckInvariants();
    }
  }
  EXPECT_EQ(domains->counters().objects, objects.size());
}

}  // namespace
}  // namespace pageward::domain
