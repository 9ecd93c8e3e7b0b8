// Domains by the C functions.
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/library/library.h"

namespace pageward {
namespace {

TEST(LibraryTest, EveryStatusHasASentence) {
  for (int status = PAGEWARD_OK; status <= PAGEWARD_WRONG_DOMAIN + 1; ++status) {
    EXPECT_GT(std::strlen(pageward_status_string(static_cast<pageward_status>(status))), 5u);
  }
  EXPECT_STREQ(pageward_version(), PAGEWARD_VERSION);
  EXPECT_EQ(pageward_start(), PAGEWARD_OK);
}

TEST(LibraryTest, StructuresOfAnotherSizeAreRefused) {
  pageward_stats stats = {};
  EXPECT_EQ(pageward_stats_get(&stats), PAGEWARD_INVALID);
  pageward_domain domain = {0};
  pageward_domain_options options = PAGEWARD_DOMAIN_OPTIONS;
  options.size += 8;
  EXPECT_EQ(pageward_domain_create(&options, &domain), PAGEWARD_INVALID);
  options = PAGEWARD_DOMAIN_OPTIONS;
  options.flags = 1u << 31;
  EXPECT_EQ(pageward_domain_create(&options, &domain), PAGEWARD_INVALID);
  options = PAGEWARD_DOMAIN_OPTIONS;
  const unsigned none = 3;  // Fits the enumeration, and is nothing.
  std::memcpy(&options.lock, &none, sizeof(none));
  EXPECT_EQ(pageward_domain_create(&options, &domain), PAGEWARD_INVALID);
  EXPECT_EQ(pageward_domain_create(nullptr, nullptr), PAGEWARD_INVALID);
}

// Spec: U31
TEST(LibraryTest, ADomainIsDescribedAndSaysWhetherItIsLocked) {
  pageward_domain_options options = PAGEWARD_DOMAIN_OPTIONS;
  options.name = "a name that is longer than thirty-one characters";
  pageward_domain domain = {0};
  ASSERT_EQ(pageward_domain_create(&options, &domain), PAGEWARD_OK);
  void* object = nullptr;
  ASSERT_EQ(pageward_alloc(domain, 100, 0, &object), PAGEWARD_OK);
  pageward_domain_info info = {};
  info.size = sizeof(info);
  ASSERT_EQ(pageward_domain_describe(domain, &info), PAGEWARD_OK);
  EXPECT_STREQ(info.name, "a name that is longer than thir");
  EXPECT_EQ(info.objects, 1u);
  EXPECT_EQ(info.object_bytes, 112u);
  EXPECT_EQ(info.reserved_bytes, 2u << 20);
  EXPECT_TRUE(info.locked_bytes == info.reserved_bytes || info.lock_failures == 1);
  EXPECT_EQ(info.is_by_key != 0, HasKeys());
  EXPECT_EQ(pageward_domain_destroy(domain), PAGEWARD_OK);
  EXPECT_EQ(pageward_domain_describe(domain, &info), PAGEWARD_INVALID);
}

// The flags of the mapping that `address` lies in, as the kernel spells them.
std::string FlagsAt(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  bool is_there = false;
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      is_there = VirtAddr::Of(address).value() - begin < end - begin;
    } else if (is_there && line.starts_with("VmFlags:")) {
      return line;
    }
  }
  return "";
}

// Spec: U31
TEST(LibraryTest, DomainsAreAbsentFromCoreDumpsUnlessTheySayOtherwise) {
  const TestObject secret;
  // Source: show_smap_vma_flags() in fs/proc/task_mmu.c: dd is not dumped, dc is not copied on
  // fork.
  const std::string flags = FlagsAt(secret.object);
  EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;
  EXPECT_NE(flags.find(" dc"), std::string::npos) << flags;
  pageward_domain_options options = PAGEWARD_DOMAIN_OPTIONS;
  options.flags = PAGEWARD_DOMAIN_DUMPED;
  pageward_domain domain = {0};
  ASSERT_EQ(pageward_domain_create(&options, &domain), PAGEWARD_OK);
  void* object = nullptr;
  ASSERT_EQ(pageward_alloc(domain, 16, 0, &object), PAGEWARD_OK);
  EXPECT_EQ(FlagsAt(object).find(" dd"), std::string::npos);
  EXPECT_NE(FlagsAt(secret.object).find(" dd"), std::string::npos);
  ASSERT_EQ(pageward_domain_destroy(domain), PAGEWARD_OK);
  EXPECT_NE(FlagsAt(object).find(" dd"), std::string::npos) << "nobody's again";
}

TEST(LibraryTest, APinnedDomainHasItsKeyAtOnceAndKeysThatAreRequiredAreThere) {
  pageward_domain_options options = PAGEWARD_DOMAIN_OPTIONS;
  options.flags = PAGEWARD_DOMAIN_PINNED | PAGEWARD_DOMAIN_REQUIRES_KEYS;
  pageward_domain domain = {0};
  const pageward_status made = pageward_domain_create(&options, &domain);
  if (!HasKeys()) {
    EXPECT_EQ(made, PAGEWARD_UNSUPPORTED);
    EXPECT_EQ(domain.value, 0u);
    return;
  }
  ASSERT_EQ(made, PAGEWARD_OK);
  pageward_domain_info info = {};
  info.size = sizeof(info);
  ASSERT_EQ(pageward_domain_describe(domain, &info), PAGEWARD_OK);
  EXPECT_NE(info.has_key, 0);
  EXPECT_EQ(pageward_domain_destroy(domain), PAGEWARD_OK);
}

TEST(LibraryTest, BadArgumentsAreAnswersAndChangeNothing) {
  const TestObject mine;
  const TestObject other;
  void* object = nullptr;
  size_t bytes = 0;
  EXPECT_EQ(pageward_alloc(mine.domain, 0, 0, &object), PAGEWARD_INVALID);
  EXPECT_EQ(pageward_alloc(mine.domain, SIZE_MAX, 0, &object), PAGEWARD_NO_ADDRESS_SPACE);
  EXPECT_EQ(pageward_alloc(mine.domain, 16, 24, &object), PAGEWARD_INVALID);
  EXPECT_EQ(pageward_alloc({1}, 16, 0, &object), PAGEWARD_INVALID);
  EXPECT_EQ(object, nullptr);
  EXPECT_EQ(pageward_free(other.domain, mine.object), PAGEWARD_WRONG_DOMAIN);
  EXPECT_EQ(pageward_usable_size(other.domain, mine.object, &bytes), PAGEWARD_WRONG_DOMAIN);
  EXPECT_EQ(pageward_usable_size(mine.domain, mine.object + 1, &bytes), PAGEWARD_INVALID);
  EXPECT_EQ(pageward_usable_size(mine.domain, &bytes, &bytes), PAGEWARD_INVALID);
  EXPECT_EQ(pageward_free(mine.domain, nullptr), PAGEWARD_OK);
  ASSERT_EQ(pageward_usable_size(mine.domain, mine.object, &bytes), PAGEWARD_OK);
  EXPECT_EQ(bytes, 64u);
}

TEST(LibraryTest, ReallocTakesNullAndMovesThroughAWindow) {
  const TestObject secret;
  {
    const TestWindow window(secret.domain);
    std::memcpy(secret.object, "contents", 8);
  }
  void* object = secret.object;
  ASSERT_EQ(pageward_realloc(secret.domain, &object, 5000, 0), PAGEWARD_OK);
  void* fresh = nullptr;
  ASSERT_EQ(pageward_realloc(secret.domain, &fresh, 10, 0), PAGEWARD_OK);
  EXPECT_TRUE(IsClosed(object));
  const TestWindow window(secret.domain);
  EXPECT_EQ(std::memcmp(object, "contents", 8), 0);
  EXPECT_EQ(secret.object[0], 0) << "wiped where it was";
}

// Frees a pointer that a fresh domain makes of a live and a freed object. In the child of a death
// test, which has none of the parent's domains.
template <typename Choose>
void FreeBadly(Choose choose) {
  const TestObject secret;
  void* freed = nullptr;
  static_cast<void>(pageward_alloc(secret.domain, 64, 0, &freed) == PAGEWARD_OK);
  pageward_free(secret.domain, freed);
  pageward_free(secret.domain, choose(secret.object, freed));
}

TEST(LibraryDeathTest, MisuseOfAPointerIsNamed) {
  EXPECT_DEATH(FreeBadly([](void*, void* freed) { return freed; }), "pageward: double free: ");
  EXPECT_DEATH(FreeBadly([](unsigned char* object, void*) { return object + 8; }),
               "pageward: interior pointer: ");
  EXPECT_DEATH(FreeBadly([](void*, void*) { return const_cast<char*>("mine"); }),
               "pageward: foreign pointer: ");
}

}  // namespace
}  // namespace pageward
