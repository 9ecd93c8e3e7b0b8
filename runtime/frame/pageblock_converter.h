// How pageblocks change who can reach them. Frame decides when and in which order, a space does it.
#pragma once

#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/frame/freetype.h"

namespace pageward::frame {

/// Changes mappings. Owned by this layer, implemented above it.
///
/// Called without the zone's lock, on blocks that are on no list, from several threads at once for
/// different blocks. It may allocate from the same zone, but such a request never converts: table
/// pages for a conversion come from memory that is there.
class PageblockConverter {
 public:
  /// Returns whether this platform can change mappings at all.
  virtual bool CanConvert() const = 0;

  /// Overwrites `blocks`, which nobody but their old freetype's users can reach, with zeros. An
  /// error leaves the conversion undone; what the blocks held need not survive.
  virtual Status Scrub(BlockRange blocks) = 0;

  /// Lets `blocks` be reached as `to` says. An error may leave some of them changed.
  virtual Status SetVisibility(BlockRange blocks, Freetype to) = 0;

  /// Lets all of `blocks` be reached as `old` says, after a SetVisibility() that failed. Can't
  /// fail: whatever had to be split for it is split by then.
  virtual void RestoreVisibility(BlockRange blocks, Freetype old) = 0;

  /// Makes every processor forget how `blocks` could be reached before.
  virtual void Flush(BlockRange blocks) = 0;

 protected:
  ~PageblockConverter() = default;
};

/// Returns whether what is cached about a mapping must be forgotten once blocks are `to`: if not
/// everybody may reach them any more. The other way round the worst is a fault that was not due.
constexpr bool NeedsFlush(Freetype to) {
  return !to.IsMapped();
}

/// Returns whether blocks of `from` hold what whoever gets them next must not see.
constexpr bool NeedsScrub(Freetype from) {
  return !from.IsMapped();
}

/// What one conversion did, for counters.
struct ConversionSteps {
  unsigned flushes = 0;
  unsigned scrubs = 0;
};

/// Takes `blocks` from `from` to `to`; on an error they are `from` again and their contents may be
/// gone.
///
/// The order of steps is the contract: contents go before anybody new can reach them; the flush
/// comes last, and the caller changes the freetype only after it.
Status ConvertPageblocks(PageblockConverter& converter, BlockRange blocks, Freetype from,
                         Freetype to, ConversionSteps& steps);

}  // namespace pageward::frame
