#include "runtime/frame/fallback.h"

namespace pageward::frame {

FallbackResult FindFallback(const FreeLists& lists, Order order, Freetype wanted, FallbackUse use) {
  if (use == FallbackUse::kClaim && !IsWorthClaiming(order, wanted.mobility)) {
    return {FallbackOutcome::kNotWorthClaiming, {}};
  }
  for (const Mobility mobility : kFallbacks[static_cast<std::size_t>(wanted.mobility)]) {
    const Freetype candidate = wanted.With(mobility);
    // Hidden memory is unmovable: the other mobilities of it have no lists to look at.
    if (!HasLists(candidate)) {
      continue;
    }
    if (lists.Find(candidate, nullptr)->count(order) > 0) {
      return {FallbackOutcome::kFound, candidate};
    }
  }
  return {};
}

BlockUsage UsageOf(const FrameTable& table, const PageblockMap& blocks, BlockNumber block) {
  BlockUsage usage;
  const bool is_movable = blocks.FreetypeOf(block).mobility == Mobility::kMovable;
  const FrameRange frames = BlockRange{block, 1}.frames();
  FrameNumber frame = frames.begin;
  while (frame < frames.end()) {
    // Only the first piece can have begun before the pageblock.
    const auto piece = table.PieceOf(frame);
    PW_CHECK(piece.has_value(), Violation::kInvariant, frame.value);
    const FrameNumber end = piece->range.end() < frames.end() ? piece->range.end() : frames.end();
    switch (piece->record.state()) {
      case FrameState::kFree:
        usage.free += end - frame;
        break;
      case FrameState::kRun:
        usage.movable +=
            piece->record.mobility() == Mobility::kMovable ? end - frame : FrameCount(0);
        break;
      case FrameState::kListed:
        // Threads keep free frames by the mobility of their pageblock.
        usage.movable += is_movable ? end - frame : FrameCount(0);
        break;
      case FrameState::kBody:
      case FrameState::kConverting:
        break;
    }
    frame = end;
  }
  return usage;
}

}  // namespace pageward::frame
