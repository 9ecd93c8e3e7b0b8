#include "runtime/object/object_map.h"

namespace pageward::object {

std::optional<const void*> ObjectMap::FindObjectAround(const void* inside) const {
  const std::uint64_t offset = OffsetOf(inside);
  if (offset >= range().bytes) {
    return std::nullopt;
  }
  const std::uint64_t first =
      offset > kLargestSlabObjectBytes ? offset - kLargestSlabObjectBytes : 0;
  for (std::uint64_t at = AlignDown(offset, std::uint64_t{kGranuleBytes});; at -= kGranuleBytes) {
    const void* candidate = VirtAddr(base_ + at).AsPointer();
    const FrameClass frame_class = ClassAt(candidate);
    if (IsCached(frame_class) && IsLive(candidate, frame_class)) {
      const std::size_t bytes = BytesOf(SizeClassOf(frame_class));
      return offset - at < bytes ? std::optional<const void*>(candidate) : std::nullopt;
    }
    if (at < first + kGranuleBytes) {
      return std::nullopt;
    }
  }
}

}  // namespace pageward::object
