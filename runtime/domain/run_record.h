// What the runs of domains hold: one record for each frame, of which a run uses that of its first.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/core/units.h"
#include "runtime/object/size_class.h"

namespace pageward::domain {

/// A run of a domain: a slab of equal objects, or one large object. Zero is no run.
struct alignas(64) RunRecord {
  static constexpr unsigned kMostObjects = 256;
  static constexpr std::uint8_t kLarge = 0xff;

  std::array<std::uint64_t, kMostObjects / 64> live;  ///< Of a slab; set where there is no object.
  std::uint32_t next;  ///< Slabs of its class that have room: first frame plus 1, or 0.
  std::uint32_t previous;
  std::uint16_t owner;  ///< The number of the domain plus 1.
  std::uint16_t live_count;
  std::uint16_t capacity;
  std::uint8_t size_class;  ///< Or kLarge.
};
static_assert(sizeof(RunRecord) == 64);

/// For each pageblock of a zone.
inline constexpr std::uint32_t kRunRecordBytes = kPageblockFrames * sizeof(RunRecord);

namespace internal {

// The smallest slab that wastes at most an eighth and has no more objects than a record; the one
// that wastes least if there is none of up to eight frames.
constexpr std::uint8_t FramesOfSlab(std::size_t object_bytes) {
  std::uint8_t best = 1;
  std::size_t best_waste = kFrameBytes;  // of a frame
  for (std::uint8_t frames = 1; frames <= 8; ++frames) {
    const std::size_t bytes = frames * kFrameBytes;
    if (bytes < object_bytes || bytes / object_bytes > RunRecord::kMostObjects) {
      continue;
    }
    const std::size_t waste = bytes % object_bytes / frames;
    if (waste < best_waste) {
      best = frames;
      best_waste = waste;
    }
    if (waste <= kFrameBytes / 8) {
      break;
    }
  }
  return best;
}

constexpr std::array<std::uint8_t, object::kSlabClassCount> MakeSlabFrames() {
  std::array<std::uint8_t, object::kSlabClassCount> frames{};
  for (std::size_t i = 0; i < frames.size(); ++i) {
    frames[i] = FramesOfSlab(object::BytesOf(object::SizeClass(i)));
  }
  return frames;
}

inline constexpr auto kSlabFrames = MakeSlabFrames();

}  // namespace internal

/// Returns how many frames a slab of `size_class` has.
constexpr FrameCount SlabFramesOf(object::SizeClass size_class) {
  return FrameCount(internal::kSlabFrames[size_class.index()]);
}

/// Returns how many objects it has.
constexpr unsigned SlabCapacityOf(object::SizeClass size_class) {
  return static_cast<unsigned>(SlabFramesOf(size_class).bytes() / object::BytesOf(size_class));
}

}  // namespace pageward::domain
