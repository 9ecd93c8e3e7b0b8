// The events of a run, kept for pictures: the first of them, as many as somebody asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/sim/event_log.h"

namespace pageward::tool {

/// Keeps the first events that are noted while it is on. For one simulating thread.
class EventCollector final : public sim::EventSink {
 public:
  explicit EventCollector(std::size_t most) : most_(most) {}
  EventCollector(const EventCollector&) = delete;
  EventCollector& operator=(const EventCollector&) = delete;

  void TurnOn() { is_on_ = true; }

  void Note(const sim::Event& event) override {
    last_ = event.sequence;
    if (is_on_ && events_.size() < most_) {
      events_.push_back(event);
    } else if (is_on_) {
      ++dropped_;
    }
  }

  const std::vector<sim::Event>& events() const { return events_; }
  /// How many there were no room for.
  std::uint64_t dropped() const { return dropped_; }
  /// The number of the last event of the machine, kept or not.
  std::uint64_t last() const { return last_; }

 private:
  const std::size_t most_;
  std::vector<sim::Event> events_;
  std::uint64_t dropped_ = 0;
  std::uint64_t last_ = 0;
  bool is_on_ = false;
};

}  // namespace pageward::tool
