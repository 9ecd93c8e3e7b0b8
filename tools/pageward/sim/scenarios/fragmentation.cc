// Hidden memory is wanted in a machine without whole free pageblocks, and later given back.
#include <fmt/format.h>

#include "tools/pageward/sim/random.h"
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

constexpr std::uint32_t kAreas = 16;
// One page in so many is the kernel's own and can't be moved.
constexpr std::uint32_t kPagesPerUnmovable = 4096;

// How much of RAM is filled before every second area goes.
std::uint64_t FilledBytes(const Settings& settings) {
  constexpr std::uint64_t kUnit = kAreas * kPageblockBytes;
  return (settings.config.kernel.ram_bytes - kRoomBytes / 2) / kUnit * kUnit;
}

std::uint64_t LeastRam(const Settings& settings) {
  return 4 * settings.size_bytes + 2 * kRoomBytes;
}

VirtRange RangeOf(const Settings& settings, std::uint32_t area) {
  const std::uint64_t bytes = FilledBytes(settings) / kAreas;
  return VirtRange{kUserBase + area * bytes, bytes};
}

// Areas grow in turns, so that frames of all of them lie in every pageblock.
void Fill(Session& session, Random& random) {
  const Settings& settings = session.settings();
  for (std::uint32_t area = 0; area < kAreas; ++area) {
    session.Need(session.process().AddArea(sim::Area{.range = RangeOf(settings, area)}), "an area");
  }
  const std::uint64_t pages = FilledBytes(settings) / kAreas >> kFrameBytesLog2;
  for (std::uint64_t page = 0; page < pages; ++page) {
    for (std::uint32_t area = 0; area < kAreas; ++area) {
      session.process().UserWrite(PageAt(RangeOf(settings, area).begin, page), page);
    }
    if (random.Below32(kPagesPerUnmovable / kAreas) == 0) {
      session.Need(session.kernel().AllocateFrame(
                       Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable)),
                   "the kernel's own memory");
    }
  }
}

void RemoveEverySecond(Session& session) {
  for (std::uint32_t area = 0; area < kAreas; area += 2) {
    session.Need(session.process().RemoveRange(RangeOf(session.settings(), area)), "unmapping");
  }
}

// As much as fits: what does not is an answer, too.
std::vector<FrameNumber> Hide(Session& session) {
  std::vector<FrameNumber> hidden;
  for (std::uint32_t page = 0; page < PagesOf(session.settings()); ++page) {
    const Result<FrameNumber> frame = session.kernel().AllocateHidden();
    if (!frame.ok()) {
      session.AddRemark(fmt::format("after {} hidden frames there were no more: {}", page,
                                    NameOf(frame.error())));
      break;
    }
    hidden.push_back(*frame);
    session.Step();
  }
  return hidden;
}

void RunFragmentation(Session& session) {
  Random random(session.settings().seed);
  Fill(session, random);
  RemoveEverySecond(session);
  session.kernel().DrainLists();
  const auto before = session.kernel().frames().counters();
  session.Begin();
  const std::vector<FrameNumber> hidden = Hide(session);
  for (const FrameNumber frame : hidden) {
    session.kernel().FreeHidden(frame);
    session.Step();
  }
  // Ordinary memory is wanted again, and takes back what is hidden and free.
  std::uint64_t refilled = 0;
  for (std::uint32_t area = 0; area < kAreas; area += 2) {
    const VirtRange range = RangeOf(session.settings(), area);
    session.Need(session.process().AddArea(sim::Area{.range = range}), "an area");
    for (std::uint64_t offset = 0; offset < range.bytes; offset += kFrameBytes) {
      refilled += session.process().UserWrite(range.begin + offset, offset).ok() ? 1u : 0u;
      session.Step();
    }
  }
  const auto after = session.kernel().frames().counters();
  session.AddQuantity("hidden-frames", static_cast<double>(hidden.size()), "frames");
  session.AddQuantity("refilled-frames", static_cast<double>(refilled), "frames");
  session.AddQuantity("free-blocks-before", before.free_blocks[frame::Visibility::kMapped],
                      "pageblocks");
  session.AddQuantity("blocks-taken-back",
                      static_cast<double>(after.reclaimed_blocks - before.reclaimed_blocks),
                      "pageblocks");
}

constexpr AxisDefault kDefaults[] = {{"conversion", "all"}, {"ram", "512M"}, {"size", "64M"}};
constexpr std::string_view kCompared[] = {"conversion"};
constexpr AxisDefault kBaseline[] = {{"conversion", "adhoc"}};
constexpr std::string_view kNotModelled[] = {
    "compaction's own scanning, but for what it copies and maps anew"};

}  // namespace

constinit const Scenario kFragmentation{
    .name = "fragmentation",
    .question = "What does hidden memory do in a machine that has no whole pageblocks free?",
    .what =
        "RAM is filled in turns and half of it freed; memory is hidden, given back, and refilled",
    .defaults = kDefaults,
    .least_ram = LeastRam,
    .steps = [](const Settings& settings) -> std::uint64_t {
      return 2 * PagesOf(settings) + (FilledBytes(settings) / 2 >> kFrameBytesLog2);
    },
    .run = RunFragmentation,
    .compared = kCompared,
    .baseline = kBaseline,
    .not_modelled = kNotModelled,
};

}  // namespace pageward::tool
