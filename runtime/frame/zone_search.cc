// How a zone finds frames: own lists first, then pageblocks worth claiming, then whatever there is.
#include <algorithm>

#include "runtime/frame/zone.h"

namespace pageward::frame {

std::optional<FrameRange> Zone::FindTopBlocks(const ListSet& lists, std::uint32_t count) const {
  const FrameCount step = kMaxOrder.frames();
  const std::optional<FrameNumber> first = lists.First(kMaxOrder);
  FrameNumber begin = first.value_or(FrameNumber());
  for (std::uint32_t i = 0; i < lists.count(kMaxOrder); ++i) {
    std::uint32_t found = 0;
    for (FrameNumber head = begin; found < count && table_.Contains(head); head = head + step) {
      const FrameRecord record = table_.Load(head);
      if (record.state() != FrameState::kFree || record.order() != kMaxOrder ||
          &lists_.ListsOf(head.block()) != &lists) {
        break;
      }
      ++found;
    }
    if (found == count) {
      return FrameRange{begin, FrameCount(count * step.value)};
    }
    begin = table_.Load(begin).next();
  }
  return std::nullopt;
}

std::optional<FrameRange> Zone::FindOn(const ListSet& lists, const RunShape& shape) const {
  if (shape.top_blocks > 1) {
    return FindTopBlocks(lists, shape.top_blocks);
  }
  const auto order = lists.SmallestFrom(shape.order);
  if (!order.has_value()) {
    return std::nullopt;
  }
  return FrameRange{*lists.First(*order), order->frames()};
}

FrameRange Zone::FirstOn(Freetype type, Order order) const {
  return FrameRange{*lists_.Find(type, nullptr)->First(order), order.frames()};
}

std::optional<Zone::Region> Zone::FindWholeToClaim(const RunShape& shape, Freetype wanted) const {
  if (shape.top_blocks > 1) {
    for (const Mobility mobility : kFallbacks[static_cast<std::size_t>(wanted.mobility)]) {
      const Freetype candidate = wanted.With(mobility);
      const auto range = HasLists(candidate)
                             ? FindTopBlocks(*lists_.Find(candidate, nullptr), shape.top_blocks)
                             : std::nullopt;
      if (range.has_value()) {
        return Region{*range, Origin::kClaimed};
      }
    }
    return std::nullopt;
  }
  // The smallest first: blocks reach up to a gigabyte here, and one frame is no reason to break one
  // up, let alone to claim all of it.
  const unsigned smallest = std::max(shape.order, kPageblockOrder).value();
  for (unsigned value = smallest; value <= kMaxOrder.value(); ++value) {
    const auto found = FindFallback(lists_, Order(value), wanted, FallbackUse::kClaim);
    if (found.outcome == FallbackOutcome::kFound) {
      return Region{FirstOn(found.type, Order(value)), Origin::kClaimed};
    }
  }
  return std::nullopt;
}

std::optional<Zone::Region> Zone::ClaimPart(const RunShape& shape, Freetype wanted) {
  // The largest first: it promises the most free frames around it.
  for (unsigned value = kPageblockOrder.value(); value-- > shape.order.value();) {
    const auto found = FindFallback(lists_, Order(value), wanted, FallbackUse::kClaim);
    if (found.outcome == FallbackOutcome::kNotWorthClaiming) {
      break;
    }
    if (found.outcome == FallbackOutcome::kEmpty) {
      continue;
    }
    const BlockNumber block = FirstOn(found.type, Order(value)).begin.block();
    if (MayClaim(wanted.mobility, found.type.mobility, UsageOf(table_, blocks_, block))) {
      buddy_.MoveFreeFrames(block, wanted);
      ++search_counters_.claims;
      return Region{*FindOn(*lists_.Find(wanted, nullptr), shape), Origin::kOwn};
    }
  }
  return std::nullopt;
}

std::optional<Zone::Region> Zone::FindToSteal(const RunShape& shape, Freetype wanted) const {
  for (unsigned value = shape.order.value(); value < kPageblockOrder.value(); ++value) {
    const auto found = FindFallback(lists_, Order(value), wanted, FallbackUse::kSteal);
    if (found.outcome == FallbackOutcome::kFound) {
      return Region{FirstOn(found.type, Order(value)), Origin::kStolen};
    }
  }
  return std::nullopt;
}

std::optional<Zone::Region> Zone::Find(const RunShape& shape, const Request& request,
                                       SearchScope scope) {
  if (const auto range = FindOn(*lists_.Find(request.freetype(), request.owner()), shape)) {
    return Region{*range, Origin::kOwn};
  }
  if (scope == SearchScope::kOwnLists) {
    return std::nullopt;
  }
  if (const auto region = FindWholeToClaim(shape, request.freetype())) {
    return region;
  }
  if (const auto region = ClaimPart(shape, request.freetype())) {
    return region;
  }
  return FindToSteal(shape, request.freetype());
}

void Zone::TakeRegion(FrameRange region) {
  for (FrameNumber head = region.begin; head < region.end();) {
    head = head + buddy_.Take(head).frames();
  }
}

Result<FrameRange> Zone::Cut(const RunShape& shape, const Request& request, SearchScope scope) {
  const auto region = Find(shape, request, scope);
  if (!region.has_value()) {
    return Error::kNoFrames;
  }
  const FrameRange cut{region->range.begin, shape.frames};
  const FrameRange rest{cut.end(), region->range.count - shape.frames};
  // Only one pageblock can be broken up by this: the one that the cut ends in.
  if (!rest.IsEmpty() && !table_.EnsureRecord(rest.begin)) {
    return Error::kNoMemory;
  }
  TakeRegion(region->range);
  if (region->origin == Origin::kClaimed) {
    blocks_.SetMobility(BlockRange{cut.begin.block(), shape.pageblocks()},
                        request.freetype().mobility);
    ++search_counters_.claims;
  } else if (region->origin == Origin::kStolen) {
    ++search_counters_.steals;
  }
  buddy_.FreeRest(rest);
  return cut;
}

}  // namespace pageward::frame
