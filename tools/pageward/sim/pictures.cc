#include "tools/pageward/sim/pictures.h"

#include <fmt/format.h>

#include <utility>

namespace pageward::tool {
namespace {

using sim::Event;
using sim::EventKind;

constexpr std::size_t kUnmapped = frame::kMobilityCount;
constexpr std::size_t kKeyed = kUnmapped + 1;
constexpr std::size_t kEarly = kKeyed + 1;

// Who sends and receives, in the order of a diagram.
enum Participant : unsigned {
  kAllocator,
  kConverter,
  kDirectMap,
  kTablePool,
  kProcessors,
  kWindows
};
constexpr const char* kParticipants[] = {"page allocator", "converter",  "direct map",
                                         "table pool",     "processors", "windows"};

bool Covers(const Event& event, std::uint64_t page) {
  return page >= event.a && page - event.a < event.b;
}

std::string Blocks(const Event& event) {
  return event.b == 1 ? fmt::format("pageblock {}", event.a)
                      : fmt::format("pageblocks {} to {}", event.a, event.a + event.b - 1);
}

std::string Frames(const Event& event) {
  return event.b == 1 ? fmt::format("frame {}", event.a)
                      : fmt::format("frames {} to {}", event.a, event.a + event.b - 1);
}

std::string_view NameOfVisibility(std::uint64_t value) {
  switch (static_cast<frame::Visibility>(value)) {
    case frame::Visibility::kMapped:
      return "mapped";
    case frame::Visibility::kKeyed:
      return "keyed";
    case frame::Visibility::kUnmapped:
      return "unmapped";
  }
  return "unknown";
}

std::string_view SizeOfLeaf(std::uint64_t level) {
  return level == 2 ? "1 GiB" : "2 MiB";
}

struct Spoken {
  Participant from;
  Participant to;
  std::string text;
};

Spoken Tell(const Event& event) {
  switch (event.kind) {
    case EventKind::kConversionBegun:
      return {kAllocator, kConverter, "convert " + Blocks(event)};
    case EventKind::kConversionEnded:
      return {kConverter, kAllocator,
              event.value == 0
                  ? std::string("converted")
                  : fmt::format("failed: {}", NameOf(static_cast<Error>(event.value - 1)))};
    case EventKind::kScrubbed:
      return {kConverter, kConverter, "clear " + Frames(event)};
    case EventKind::kVisibilitySet:
      return {kConverter, kAllocator,
              fmt::format("{} is {}", Blocks(event), NameOfVisibility(event.value))};
    case EventKind::kDirectMapChanged:
      return {kDirectMap, kDirectMap, "change the entries of " + Frames(event)};
    case EventKind::kFlushed:
      return {kDirectMap, kProcessors,
              fmt::format("forget {} page{} on {}", event.b, event.b == 1 ? "" : "s", event.value)};
    case EventKind::kSplit:
      return {kDirectMap, kDirectMap,
              event.value == 0 ? std::string("it has been split meanwhile")
                               : fmt::format("split a leaf of {}", SizeOfLeaf(event.value))};
    case EventKind::kRefillBegun:
      return {kTablePool, kAllocator, fmt::format("refill: {} pages are left", event.value)};
    case EventKind::kRefillEnded:
      return {kAllocator, kTablePool, fmt::format("refilled: {} pages", event.value)};
    case EventKind::kTableTaken:
      return {kTablePool, kDirectMap,
              fmt::format("frame {} becomes a table{}", event.a,
                          event.value == 1 ? ", for a split" : "")};
    case EventKind::kTableProtected:
      return {kDirectMap, kTablePool, "the key of tables is on " + Frames(event)};
    case EventKind::kProtectionBegun:
      return {kTablePool, kDirectMap, fmt::format("put the key of tables on frame {}", event.a)};
    case EventKind::kTableUnprotected:
      return {kTablePool, kDirectMap,
              fmt::format("use frame {} without a key: a kernel would wait for itself", event.a)};
    case EventKind::kTableReturned:
      return {kDirectMap, kTablePool, fmt::format("frame {} is no table any more", event.a)};
    case EventKind::kWindowOpened:
      return {kWindows, kWindows, fmt::format("open a window on frame {}", event.value)};
    case EventKind::kWindowClosed:
      return {kWindows, kWindows, "close it"};
    case EventKind::kWindowFlushed:
      return {kWindows, kProcessors, fmt::format("forget {} pages of windows", event.b)};
    case EventKind::kFreedWhileStale:
      return {kAllocator, kWindows,
              fmt::format("frame {} is freed while a view shows it", event.a)};
    case EventKind::kOops:
      return {kDirectMap, kProcessors, "a write that the rights forbid"};
  }
  return {kAllocator, kAllocator, std::string(NameOf(event.kind))};
}

// A temporary mapping is flushed by what closes it, just before it says so.
void CloseViews(const Event& event, const Event* last_flush, std::vector<ViewLife>* views) {
  for (ViewLife& view : *views) {
    if (!Covers(event, view.page) || view.closed.has_value()) {
      continue;
    }
    view.closed = event.sequence;
    if (last_flush != nullptr && last_flush->sequence + 1 == event.sequence &&
        Covers(*last_flush, view.page)) {
      view.flushed = event.sequence;
    }
  }
}

void FlushViews(const Event& event, std::vector<ViewLife>* views) {
  for (ViewLife& view : *views) {
    if (Covers(event, view.page) && view.closed.has_value() && !view.flushed.has_value()) {
      view.flushed = event.sequence;
    }
  }
}

}  // namespace

std::vector<std::string> FreetypeNames() {
  return {"unmovable", "movable", "reclaimable", "unmapped", "keyed", "early"};
}

std::vector<std::uint64_t> CountFreetypes(sim::Kernel& kernel) {
  std::vector<std::uint64_t> counts(kEarly + 1);
  const auto blocks = static_cast<std::uint32_t>(kernel.ram().bytes() >> kPageblockBytesLog2);
  for (std::uint32_t i = 0; i < blocks; ++i) {
    const frame::BlockFlags flags = kernel.frames().FlagsOf(BlockNumber(i));
    const frame::Freetype type = flags.freetype();
    ++counts[!flags.is_managed() ? kEarly
             : type.IsKeyed()    ? kKeyed
             : !type.IsMapped()  ? kUnmapped
                                 : static_cast<std::size_t>(type.mobility)];
  }
  return counts;
}

std::vector<ViewLife> ViewsOf(std::span<const Event> events) {
  std::vector<ViewLife> views;
  const Event* last_flush = nullptr;
  for (const Event& event : events) {
    if (event.kind == EventKind::kWindowOpened) {
      for (std::uint64_t i = 0; i < event.b; ++i) {
        views.push_back(ViewLife{event.a + i, event.value + i, event.cpu, event.sequence, {}, {}});
      }
    } else if (event.kind == EventKind::kWindowClosed) {
      CloseViews(event, last_flush, &views);
    } else if (event.kind == EventKind::kFlushed) {
      last_flush = &event;
      FlushViews(event, &views);
    }
  }
  return views;
}

void DrawMessages(std::span<const Event> events, Run* run) {
  if (events.empty()) {
    return;
  }
  run->participants.assign(std::begin(kParticipants), std::end(kParticipants));
  for (const Event& event : events) {
    Spoken spoken = Tell(event);
    run->messages.push_back(
        Message{event.sequence, spoken.from, spoken.to, event.depth, std::move(spoken.text)});
  }
}

}  // namespace pageward::tool
