// Bytes for the reader of traces, chosen by libFuzzer or replayed from the corpus.
//
// Each input is taken for a trace, whole or left by a killed program; and as a list of requests,
// which are written, read again, and replayed under two policies. What is read must be what was
// written, and both policies must succeed and fail alike.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "runtime/trace/trace_reader.h"
#include "tests/support/trace/test_mirror.h"
#include "tests/support/trace/traffic.h"

namespace {

using pageward::FrameCount;
using pageward::FrameNumber;
using pageward::FrameRange;
using pageward::Order;
using pageward::extent::RunEvent;
using pageward::extent::RunEventKind;
using pageward::extent::RunOutcome;
using pageward::testing_support::FactsOf;
using pageward::testing_support::MirrorOf;
using pageward::testing_support::TestMirror;
using pageward::testing_support::TraceOf;
using pageward::trace::TraceEvent;
using pageward::trace::TraceFault;
using pageward::trace::TraceReader;

constexpr std::uint32_t kZoneFrames = 1024;
constexpr std::size_t kMostRequests = 200;
constexpr std::size_t kRequestBytes = 6;

void Require(bool is_true) {
  if (!is_true) {
    std::abort();
  }
}

void TakeForTrace(std::span<const std::byte> bytes) {
  TraceReader reader;
  if (reader.Open(bytes) == TraceFault::kNone) {
    reader.ForEach([](const TraceEvent& event) { Require(event.run.frames.count.value > 0); });
    return;
  }
  const pageward::trace::UnfinishedTrace unfinished = pageward::trace::Finish(bytes);
  if (unfinished.fault == TraceFault::kNone) {
    std::vector<std::byte> whole(
        bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(unfinished.whole_bytes));
    whole.insert(whole.end(), unfinished.end.begin(), unfinished.end.end());
    Require(reader.Open(whole) == TraceFault::kNone);
  }
}

// A request in six bytes: kind and outcome, two of the first frame, frames, the cut, the thread.
// Not one that an allocator would have to make sense of, but one that a trace can hold.
TraceEvent RequestFrom(std::span<const std::byte> bytes, std::uint64_t time_ns) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(bytes[at]); };
  const auto kind = static_cast<RunEventKind>(byte(0) % pageward::extent::kRunEventKindCount);
  const bool is_refused = byte(0) >= 224;
  const bool is_cut = kind == RunEventKind::kSplit || kind == RunEventKind::kMerged;
  const std::uint32_t count = 2 + byte(3) % 64;
  const std::uint32_t first = (byte(1) | byte(2) << 8) % (kZoneFrames - count);
  const bool is_nowhere = is_refused && kind == RunEventKind::kAllocated;
  return TraceEvent{time_ns, byte(5) % 8,
                    RunEvent{kind, is_refused ? RunOutcome::kRefused : RunOutcome::kDone, Order(),
                             FrameRange{FrameNumber(is_nowhere ? 0 : first), FrameCount(count)},
                             FrameCount(is_cut ? 1 + byte(4) % (count - 1) : 0)}};
}

std::vector<RunOutcome> Replay(const TraceReader& reader,
                               pageward::sim::ConversionPolicy conversion) {
  pageward::trace::MirrorConfig config = MirrorOf(kZoneFrames);
  config.simulation.kernel.ram_bytes = std::uint64_t{32} << 20;
  config.simulation.kernel.conversion = conversion;
  TestMirror mirror(config);
  std::vector<RunOutcome> outcomes;
  reader.ForEach([&](const TraceEvent& event) { outcomes.push_back(mirror->Apply(event)); });
  Require(mirror->figures().broken == 0);
  mirror->CheckInvariants();
  return outcomes;
}

void TakeForRequests(std::span<const std::byte> bytes) {
  std::vector<TraceEvent> events;
  while (bytes.size() >= kRequestBytes && events.size() < kMostRequests) {
    events.push_back(RequestFrom(bytes.first(kRequestBytes), events.size()));
    bytes = bytes.subspan(kRequestBytes);
  }
  if (events.empty()) {
    return;
  }
  const std::vector<std::byte> written = TraceOf(events, FactsOf(kZoneFrames));
  TraceReader reader;
  Require(reader.Open(written) == TraceFault::kNone && reader.events() == events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    Require(reader.EventAt(i) == events[i]);
  }
  Require(Replay(reader, pageward::sim::ConversionPolicy::kGrouped) ==
          Replay(reader, pageward::sim::ConversionPolicy::kAdhoc));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  TakeForTrace(bytes);
  TakeForRequests(bytes);
  return 0;
}
