#include "tools/pageward/sim/pictures.h"

#include <gtest/gtest.h>

#include "tools/pageward/sim/event_collector.h"

namespace pageward::tool {
namespace {

using sim::Event;
using sim::EventKind;

TEST(EventCollectorTest, KeepsTheFirstOnceItIsOn) {
  EventCollector events(2);
  events.Note(Event{.sequence = 0});
  events.TurnOn();
  for (std::uint64_t i = 1; i < 5; ++i) {
    events.Note(Event{.sequence = i});
  }
  ASSERT_EQ(events.events().size(), 2u);
  EXPECT_EQ(events.events()[0].sequence, 1u);
  EXPECT_EQ(events.dropped(), 2u);
  EXPECT_EQ(events.last(), 4u);
}

TEST(ViewsTest, AViewIsOpenedClosedAndFlushed) {
  const Event events[] = {
      {.sequence = 1, .a = 100, .b = 2, .value = 7, .cpu = 3, .kind = EventKind::kWindowOpened},
      {.sequence = 2, .a = 90, .b = 20, .kind = EventKind::kFlushed},
      {.sequence = 4, .a = 100, .b = 2, .kind = EventKind::kWindowClosed},
      {.sequence = 5, .a = 100, .b = 1, .kind = EventKind::kFlushed},
      {.sequence = 6, .a = 100, .b = 1, .value = 9, .kind = EventKind::kWindowOpened},
  };
  const std::vector<ViewLife> views = ViewsOf(events);
  ASSERT_EQ(views.size(), 3u);
  EXPECT_EQ(views[0].page, 100u);
  EXPECT_EQ(views[0].frame, 7u);
  EXPECT_EQ(views[0].cpu, 3u);
  EXPECT_EQ(views[0].opened, 1u);
  EXPECT_EQ(views[0].closed, 4u) << "a flush while it is open ends nothing";
  EXPECT_EQ(views[0].flushed, 5u);
  EXPECT_EQ(views[1].frame, 8u);
  EXPECT_EQ(views[1].flushed, std::nullopt) << "its page was not flushed";
  EXPECT_EQ(views[2].frame, 9u);
  EXPECT_EQ(views[2].closed, std::nullopt);
}

TEST(ViewsTest, AFlushRightBeforeClosingIsAPartOfIt) {
  const Event events[] = {
      {.sequence = 1, .a = 100, .b = 1, .kind = EventKind::kWindowOpened},
      {.sequence = 2, .a = 100, .b = 1, .kind = EventKind::kFlushed},
      {.sequence = 3, .a = 100, .b = 1, .kind = EventKind::kWindowClosed},
  };
  const std::vector<ViewLife> views = ViewsOf(events);
  EXPECT_EQ(views[0].closed, 3u);
  EXPECT_EQ(views[0].flushed, 3u);
}

TEST(MessagesTest, EveryKindOfEventIsToldBetweenParticipants) {
  std::vector<Event> events;
  for (unsigned kind = 0; kind < sim::kEventKindCount; ++kind) {
    events.push_back(Event{.sequence = kind, .kind = static_cast<EventKind>(kind), .depth = 2});
  }
  tool::Run run;
  DrawMessages(events, &run);
  ASSERT_EQ(run.messages.size(), sim::kEventKindCount);
  for (const Message& message : run.messages) {
    EXPECT_LT(message.from, run.participants.size());
    EXPECT_LT(message.to, run.participants.size());
    EXPECT_EQ(message.depth, 2u);
    EXPECT_NE(message.text, sim::NameOf(events[message.at].kind)) << "in words of its own";
  }
}

TEST(MessagesTest, WithoutEventsThereAreNoParticipants) {
  tool::Run run;
  DrawMessages({}, &run);
  EXPECT_TRUE(run.participants.empty());
}

}  // namespace
}  // namespace pageward::tool
