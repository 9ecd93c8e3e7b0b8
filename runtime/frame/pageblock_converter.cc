#include "runtime/frame/pageblock_converter.h"

namespace pageward::frame {

Status ConvertPageblocks(PageblockConverter& converter, BlockRange blocks, Freetype from,
                         Freetype to, ConversionSteps& steps) {
  if (NeedsScrub(from)) {
    const Status scrubbed = converter.Scrub(blocks);
    if (!scrubbed.ok()) {
      return scrubbed;
    }
    ++steps.scrubs;
  }
  const Status changed = converter.SetVisibility(blocks, to);
  const Freetype result = changed.ok() ? to : from;
  if (!changed.ok()) {
    converter.RestoreVisibility(blocks, from);
  }
  // Also after a failure: the blocks that were open for a moment may be cached as open.
  if (NeedsFlush(result)) {
    converter.Flush(blocks);
    ++steps.flushes;
  }
  return changed;
}

}  // namespace pageward::frame
