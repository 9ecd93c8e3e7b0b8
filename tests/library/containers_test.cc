// The C++ facade.
#include <pageward/pmr.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/library/library.h"

namespace pageward {
namespace {

// Spec: U34
TEST(ContainersTest, ElementsAndCharactersLieInTheDomain) {
  const Domain domain("containers");
  MemoryResource memory(domain);
  void* characters = nullptr;
  {
    const Window window(domain);
    std::pmr::vector<std::pmr::string> texts(&memory);
    for (int i = 0; i < 100; ++i) {
      texts.emplace_back(100, static_cast<char>('a' + i % 26));
    }
    EXPECT_EQ(texts[27], std::pmr::string(100, 'b'));
    characters = texts[27].data();
    size_t bytes = 0;
    EXPECT_EQ(pageward_usable_size(domain.handle(), characters, &bytes), PAGEWARD_OK);
  }
  EXPECT_TRUE(IsClosed(characters));
  EXPECT_EQ(Stats().domain_objects, 0u);
}

// Spec: U34
TEST(ContainersTest, SmartPointersWorkOnDomainMemory) {
  const Domain domain;
  MemoryResource memory(domain);
  const Window window(domain);
  std::pmr::polymorphic_allocator<int> allocator(&memory);
  {
    const std::shared_ptr<int> shared = std::allocate_shared<int>(allocator, 7);
    const std::shared_ptr<int> copy = shared;
    EXPECT_EQ(*copy, 7);
    EXPECT_EQ(Stats().domain_objects, 1u);
  }
  EXPECT_EQ(Stats().domain_objects, 0u);
}

// Spec: U24, U34
TEST(ContainersTest, AnExceptionInBetweenLeaksNothingAndClosesTheWindow) {
  const Domain domain;
  MemoryResource memory(domain);
  void* address = nullptr;
  struct Throwing {
    explicit Throwing(int value) {
      if (value == 50) {
        throw std::runtime_error("half-way");
      }
    }
    char bytes[100] = {};
  };
  try {
    const Window window(domain);
    std::pmr::vector<Throwing> elements(&memory);
    for (int i = 0; i < 100; ++i) {
      elements.emplace_back(i);
      address = elements.data();
    }
    FAIL();
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(IsClosed(address));
  EXPECT_EQ(Stats().domain_objects, 0u);
}

// Spec: U34
TEST(ContainersTest, AnAllocationThatFailsLeaksNothingAndClosesTheWindow) {
  const Domain domain;
  MemoryResource memory(domain);
  void* address = nullptr;
  EXPECT_THROW(
      {
        const Window window(domain);
        std::pmr::vector<char> bytes(100, 'x', &memory);
        address = bytes.data();
        bytes.reserve(std::size_t{1} << 46);
      },
      std::bad_alloc);
  EXPECT_TRUE(IsClosed(address));
  EXPECT_EQ(Stats().domain_objects, 0u);
}

TEST(ContainersTest, ASecretIsReachedByUseOnly) {
  const Domain domain;
  Secret<int> secret(domain, 41);
  secret.Use([](int& value) { ++value; });
  const Secret<int> moved = std::move(secret);
  EXPECT_EQ(moved.Use([](int value) { return value; }), 42);
  struct Throwing {
    Throwing() { throw std::runtime_error("no"); }
  };
  EXPECT_THROW(Secret<Throwing>{domain}, std::runtime_error);
  EXPECT_EQ(Stats().domain_objects, 1u);
}

TEST(ContainersTest, ResourcesOfOneDomainAreEqualAndWhatCannotBeMadeIsAFailure) {
  Domain first;
  const Domain second;
  const MemoryResource a(first);
  const MemoryResource b(first);
  const MemoryResource c(second);
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == c);
  const Domain moved = std::move(first);
  try {
    const Window window(first);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), PAGEWARD_INVALID);
    EXPECT_STREQ(failure.what(), pageward_status_string(PAGEWARD_INVALID));
  }
}

}  // namespace
}  // namespace pageward
