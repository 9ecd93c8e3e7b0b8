// Traffic for tests: events that an allocator of runs could have told of, and traces of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "runtime/trace/trace_writer.h"

namespace pageward::testing_support {

/// Keeps what is written, and has room no more from the n-th time on if it is told to.
class MemorySink final : public trace::TraceSink {
 public:
  static constexpr std::size_t kRoomBytes = 64 * trace::kRecordBytes;

  Result<std::span<std::byte>> NextRoom() override {
    if (calls_++ >= calls_until_failure_) {
      return Error::kLimit;
    }
    // Rooms stay where they are, as those of a file do not: nothing may depend on that.
    rooms_.push_back(std::make_unique<std::array<std::byte, kRoomBytes>>());
    return std::span<std::byte>(*rooms_.back());
  }
  Status End(std::uint64_t bytes) override {
    end_ = bytes;
    return calls_++ >= calls_until_failure_ ? Status(Error::kLimit) : Status();
  }
  bool IsOurs() const override { return is_ours_; }

  void FailAfter(std::size_t calls) { calls_until_failure_ = calls; }
  void GiveAway() { is_ours_ = false; }

  /// All rooms, up to the end if it has been told.
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> bytes;
    for (const auto& room : rooms_) {
      bytes.insert(bytes.end(), room->begin(), room->end());
    }
    bytes.resize(bytes.size() < end_ ? bytes.size() : end_);
    return bytes;
  }
  std::size_t rooms() const { return rooms_.size(); }
  /// How often it was asked for something.
  std::size_t calls() const { return calls_; }

 private:
  std::vector<std::unique_ptr<std::array<std::byte, kRoomBytes>>> rooms_;
  std::uint64_t end_ = ~std::uint64_t{0};
  std::size_t calls_ = 0;
  std::size_t calls_until_failure_ = ~std::size_t{0};
  bool is_ours_ = true;
};

inline trace::TraceFacts FactsOf(std::uint64_t zone_frames = 4096) {
  trace::TraceFacts facts{.zone_frames = zone_frames, .process = 4711, .processors = 2};
  facts.SetProgram("program");
  return facts;
}

/// Returns the bytes of a whole trace.
inline std::vector<std::byte> TraceOf(std::span<const trace::TraceEvent> events,
                                      const trace::TraceFacts& facts = FactsOf()) {
  MemorySink sink;
  trace::TraceWriter writer;
  if (!writer.Begin(sink, facts).ok()) {
    return {};
  }
  std::uint64_t last_ns = 0;
  for (const trace::TraceEvent& event : events) {
    writer.Append(event);
    last_ns = event.time_ns;
  }
  return writer.Finish(last_ns + 1).ok() ? sink.bytes() : std::vector<std::byte>();
}

/// Returns what `count` requests of up to `threads` threads for runs of a zone could have been, one
/// after the other, each of up to `most_frames` frames. Every kind of event occurs.
inline std::vector<trace::TraceEvent> RandomTraffic(std::uint32_t seed, std::size_t count,
                                                    std::uint32_t zone_frames = 4096,
                                                    std::uint32_t threads = 1,
                                                    std::uint32_t most_frames = 16) {
  using extent::RunEventKind;
  using extent::RunOutcome;
  std::mt19937 engine(seed);
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  std::map<std::uint32_t, std::uint32_t> runs;  // By first frame: how many.
  std::vector<trace::TraceEvent> events;
  const auto note = [&](RunEventKind kind, RunOutcome outcome, std::uint32_t first,
                        std::uint32_t frames, std::uint32_t lower = 0) {
    events.push_back(trace::TraceEvent{
        events.size() * 10, random() % threads,
        extent::RunEvent{kind, outcome, Order(), FrameRange{FrameNumber(first), FrameCount(frames)},
                         FrameCount(lower)}});
  };
  while (events.size() < count) {
    const std::uint32_t frames = 1 + random() % most_frames;
    const std::uint32_t first = random() % (zone_frames - frames);
    auto behind = runs.lower_bound(first);
    const bool is_free =
        (behind == runs.end() || first + frames <= behind->first) &&
        (behind == runs.begin() || std::prev(behind)->first + std::prev(behind)->second <= first);
    const std::uint32_t dice = random() % 16;
    if (dice == 0) {
      note(RunEventKind::kAllocated, RunOutcome::kRefused, 0, frames);
    } else if (is_free && dice < 8) {
      runs[first] = frames;
      note(dice < 7 ? RunEventKind::kAllocated : RunEventKind::kGrown, RunOutcome::kDone, first,
           frames);
    } else if (behind != runs.end()) {
      const auto [begin, length] = *behind;
      const auto next = std::next(behind);
      if (dice < 12) {
        note(RunEventKind::kFreed, RunOutcome::kDone, begin, length);
        runs.erase(behind);
      } else if (dice < 14 && length > 1) {
        const std::uint32_t lower = 1 + random() % (length - 1);
        note(RunEventKind::kSplit, RunOutcome::kDone, begin, length, lower);
        behind->second = lower;
        runs[begin + lower] = length - lower;
      } else if (next != runs.end() && next->first == begin + length) {
        behind->second += next->second;
        note(RunEventKind::kMerged, RunOutcome::kDone, begin, behind->second, length);
        runs.erase(next);
      } else {
        note(RunEventKind::kMadeGone, RunOutcome::kDone, begin, length);
        note(RunEventKind::kMadeUsable, RunOutcome::kDone, begin, length);
      }
    }
  }
  return events;
}

}  // namespace pageward::testing_support
