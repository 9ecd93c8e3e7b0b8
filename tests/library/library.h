// What the tests of the library share: domains by the C functions, and probes.
#pragma once

#include <gtest/gtest.h>
#include <pageward/pageward.h>

#include <cstdint>
#include <cstring>

#include "tests/support/memory_probe.h"

namespace pageward {

inline bool HasKeys() {
  return std::strcmp(pageward_domain_tier(), "pku") == 0;
}

#define PW_NEEDS_KEYS()                                   \
  if (!HasKeys()) {                                       \
    GTEST_SKIP() << "no protection keys on this machine"; \
  }

inline testing_support::Access TryRead(const void* at) {
  return testing_support::TryRead(VirtAddr::Of(at));
}
inline testing_support::Access TryWrite(void* at) {
  return testing_support::TryWrite(VirtAddr::Of(at));
}
inline bool IsClosed(void* at) {
  return TryRead(at) != testing_support::Access::kOk &&
         TryWrite(at) != testing_support::Access::kOk;
}

/// A domain and an object of it.
struct TestObject {
  explicit TestObject(std::size_t bytes = 64) {
    EXPECT_EQ(pageward_domain_create(nullptr, &domain), PAGEWARD_OK);
    void* made = nullptr;
    EXPECT_EQ(pageward_alloc(domain, bytes, 0, &made), PAGEWARD_OK);
    object = static_cast<unsigned char*>(made);
  }
  ~TestObject() { EXPECT_EQ(pageward_domain_destroy(domain), PAGEWARD_OK); }
  TestObject(const TestObject&) = delete;
  TestObject& operator=(const TestObject&) = delete;

  pageward_domain domain = {0};
  unsigned char* object = nullptr;
};

/// A window that must open.
struct TestWindow {
  explicit TestWindow(pageward_domain domain, pageward_access access = PAGEWARD_READ_WRITE) {
    EXPECT_EQ(pageward_window_open(domain, access, &window), PAGEWARD_OK);
  }
  ~TestWindow() { EXPECT_EQ(pageward_window_close(&window), PAGEWARD_OK); }
  TestWindow(const TestWindow&) = delete;
  TestWindow& operator=(const TestWindow&) = delete;

  pageward_window window = PAGEWARD_WINDOW_CLOSED;
};

inline pageward_stats Stats() {
  pageward_stats stats = {};
  stats.size = sizeof(stats);
  EXPECT_EQ(pageward_stats_get(&stats), PAGEWARD_OK);
  return stats;
}

}  // namespace pageward
