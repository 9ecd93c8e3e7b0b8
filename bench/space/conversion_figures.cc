// Question: how many changes of permission does unmapped memory cost that is taken page by page?
//
// 512 frames, one at a time, out of a fresh pageblock of real shared memory. Each is then read at
// its home, where it has to fault, and in a view, where it has to hold what was written before.
// Prints `key value unit` lines; ends with 1 if one of the frames is not as it has to be.
#include <cstdio>
#include <vector>

#include "bench/frame/leaves.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/os/linux_os.h"
#include "runtime/space/shared_zone.h"
#include "tests/support/memory_probe.h"

namespace pageward {
namespace {

using testing_support::Access;

constexpr std::uint32_t kBlocks = 4;

struct Figures {
  std::uint64_t changes = 0;
  std::uint32_t faulting_at_home = 0;
  std::uint32_t right_in_view = 0;
};

// A word that no other frame has.
std::uint64_t WordOf(FrameNumber frame) {
  return 0x9e37'79b9'7f4a'7c15 * (frame.value + 1);
}

Figures TakeAll(space::SharedZone& zone, frame::PageAllocator& allocator) {
  Figures figures;
  const std::uint64_t before = zone.counters().visibility_changes;
  std::vector<FrameNumber> frames;
  for (std::uint32_t i = 0; i < kPageblockFrames; ++i) {
    const Result<FrameNumber> frame = allocator.Allocate(Order(0), frame::Request::Unmapped());
    if (!frame.ok()) {
      break;
    }
    frames.push_back(*frame);
  }
  figures.changes = zone.counters().visibility_changes - before;
  for (const FrameNumber frame : frames) {
    const bool faults = testing_support::TryRead(zone.AddressOf(frame)) != Access::kOk;
    figures.faulting_at_home += faults ? 1u : 0u;
    const space::FrameView view(zone, FrameRange{frame, FrameCount(1)});
    const bool is_right =
        view.IsMade() && *view.range().begin.AsPointer<volatile std::uint64_t>() == WordOf(frame);
    figures.right_in_view += is_right ? 1u : 0u;
  }
  return figures;
}

int Main() {
  os::LinuxOs os;
  keys::KeyBroker keys(os, keys::KeyUse::kIfPresent);
  space::SharedZone zone(os, keys);
  if (!zone.Init(std::uint64_t{kBlocks} * kPageblockBytes, os::SharedMemory::kOrdinary).ok()) {
    std::fputs("conversion_figures: cannot map shared memory\n", stderr);
    return 1;
  }
  for (FrameNumber frame; frame.value < kBlocks * kPageblockFrames; ++frame.value) {
    *zone.AddressOf(frame).AsPointer<volatile std::uint64_t>() = WordOf(frame);
  }
  std::vector<frame::BlockRecord> records(kBlocks);
  bench::Leaves leaves(kBlocks);
  frame::PageAllocator allocator(records, {leaves, zone, nullptr});
  allocator.AddBlocks(BlockRange{BlockNumber(0), kBlocks});
  const Figures figures = TakeAll(zone, allocator);
  std::printf("conversions_per_512_frames %llu changes\n",
              static_cast<unsigned long long>(figures.changes));
  std::printf("faulting_at_home %u frames\n", figures.faulting_at_home);
  std::printf("right_in_view %u frames\n", figures.right_in_view);
  const bool is_right = figures.faulting_at_home == kPageblockFrames &&
                        figures.right_in_view == kPageblockFrames && figures.changes > 0;
  return is_right ? 0 : 1;
}

}  // namespace
}  // namespace pageward

int main() {
  return pageward::Main();
}
