#include "runtime/sim/event_log.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

namespace pageward::sim {
namespace {

class EventLogTest : public testing::Test {
 protected:
  static std::vector<std::uint64_t> Kept(const EventLog& log) {
    std::vector<std::uint64_t> kept;
    log.ForEach([&](const Event& event) { kept.push_back(event.sequence); });
    return kept;
  }
  static void NoteSome(EventLog& log, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      log.Note(Event{.sequence = i});
    }
  }

  std::array<Event, 4> storage_{};
};

TEST_F(EventLogTest, KeepsTheFirstEventsOrTheLast) {
  EventLog first(storage_, EventLog::Keep::kFirst);
  NoteSome(first, 7);
  EXPECT_EQ(Kept(first), (std::vector<std::uint64_t>{0, 1, 2, 3}));
  std::array<Event, 4> other{};
  EventLog last(other, EventLog::Keep::kLast);
  NoteSome(last, 7);
  EXPECT_EQ(Kept(last), (std::vector<std::uint64_t>{3, 4, 5, 6}));
  EXPECT_EQ(last.noted(), 7u) << "and says how many there were";
}

TEST_F(EventLogTest, KeepsAllOfAFew) {
  EventLog log(storage_, EventLog::Keep::kLast);
  NoteSome(log, 2);
  EXPECT_EQ(Kept(log), (std::vector<std::uint64_t>{0, 1}));
  log.Clear();
  EXPECT_TRUE(Kept(log).empty());
}

TEST(EventKindTest, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i < kEventKindCount; ++i) {
    names.insert(NameOf(static_cast<EventKind>(i)));
  }
  EXPECT_EQ(names.size(), kEventKindCount);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace pageward::sim
