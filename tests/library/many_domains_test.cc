// More domains than keys.
#include <atomic>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/library/library.h"

namespace pageward {
namespace {

using testing_support::Access;

class ManyDomainsTest : public testing::Test {
 protected:
  void Make(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      pageward_domain domain = {0};
      ASSERT_EQ(pageward_domain_create(nullptr, &domain), PAGEWARD_OK);
      void* object = nullptr;
      ASSERT_EQ(pageward_alloc(domain, 64, 0, &object), PAGEWARD_OK);
      domains_.push_back(domain);
      objects_.push_back(static_cast<unsigned char*>(object));
      const TestWindow window(domain);
      objects_.back()[0] = static_cast<unsigned char>(i);
    }
  }
  void TearDown() override {
    for (const pageward_domain domain : domains_) {
      EXPECT_EQ(pageward_domain_destroy(domain), PAGEWARD_OK);
    }
    EXPECT_EQ(Stats().domain_bytes, 0u);
  }

  std::vector<pageward_domain> domains_;
  std::vector<unsigned char*> objects_;
};

// Spec: U26
TEST_F(ManyDomainsTest, AThousandAreEachAsClosedAsTheFirst) {
  Make(1000);
  for (unsigned char* object : objects_) {
    ASSERT_TRUE(IsClosed(object));
  }
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    const TestWindow window(domains_[i], PAGEWARD_READ_ONLY);
    ASSERT_EQ(objects_[i][0], static_cast<unsigned char>(i));
    ASSERT_TRUE(IsClosed(objects_[(i + 1) % objects_.size()]));
  }
  if (HasKeys()) {
    EXPECT_GE(Stats().domain_evictions, 1000u);
  }
}

// Spec: U26
TEST_F(ManyDomainsTest, AMissIsTwoChangesForADomainOfOneRun) {
  PW_NEEDS_KEYS();
  Make(100);
  const pageward_stats before = Stats();
  for (int round = 0; round < 3; ++round) {
    for (const pageward_domain domain : domains_) {
      const TestWindow window(domain);
    }
  }
  const pageward_stats after = Stats();
  const std::uint64_t misses = after.domain_loads - before.domain_loads;
  EXPECT_GE(misses, 250u);
  EXPECT_LE(after.domain_key_changes - before.domain_key_changes, 2 * misses);
}

// Spec: U26
TEST_F(ManyDomainsTest, ADomainWithAnOpenWindowIsNeverEvicted) {
  PW_NEEDS_KEYS();
  Make(40);
  const TestWindow held(domains_[0]);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 1; i < domains_.size(); ++i) {
      const TestWindow window(domains_[i]);
      objects_[0][1] = static_cast<unsigned char>(i);
    }
  }
  EXPECT_EQ(objects_[0][1], 39);
}

// Spec: T78
TEST_F(ManyDomainsTest, WithAWindowForEachKeyTheNextIsRefusedAndNothingOpens) {
  PW_NEEDS_KEYS();
  Make(40);
  std::vector<pageward_window> windows;
  pageward_status status = PAGEWARD_OK;
  for (std::size_t i = 0; i < domains_.size() && status == PAGEWARD_OK; ++i) {
    pageward_window window = PAGEWARD_WINDOW_CLOSED;
    status = pageward_window_open(domains_[i], PAGEWARD_READ_WRITE, &window);
    if (status == PAGEWARD_OK) {
      windows.push_back(window);
    } else {
      EXPECT_TRUE(IsClosed(objects_[i]));
    }
  }
  EXPECT_EQ(status, PAGEWARD_NO_KEYS);
  EXPECT_EQ(windows.size(), Stats().domain_keys);
  EXPECT_GE(Stats().domain_pinned_refusals, 1u);
  while (!windows.empty()) {
    EXPECT_EQ(pageward_window_close(&windows.back()), PAGEWARD_OK);
    windows.pop_back();
  }
}

// Spec: U26
TEST_F(ManyDomainsTest, ThreadsThatTakeTurnsWithTheKeysNeverSeeAnothersMemory) {
  Make(30);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 3; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 3000; ++i) {
        const std::size_t at = random() % domains_.size();
        pageward_window window = PAGEWARD_WINDOW_CLOSED;
        if (pageward_window_open(domains_[at], PAGEWARD_READ_ONLY, &window) != PAGEWARD_OK) {
          continue;
        }
        wrong += objects_[at][0] == static_cast<unsigned char>(at) ? 0 : 1;
        wrong += pageward_window_close(&window) == PAGEWARD_OK ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
}

std::size_t MappingsOfProcess() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    ++count;
  }
  return count;
}

TEST_F(ManyDomainsTest, EvictedNeighboursShareMappings) {
  const std::size_t before = MappingsOfProcess();
  Make(1000);
  EXPECT_LE(MappingsOfProcess(), before + 100);
}

}  // namespace
}  // namespace pageward
