// Simulated RAM: up to a terabyte of frames, of which only those that are written cost anything.
//
// What a frame holds is told by a word for each: nothing but zeros, one pattern throughout, or
// bytes of its own. So clearing a frame that was never written is free, and a program that fills
// gigabytes with something recognisable costs four bytes a frame.
//
// Addresses are simulated and begin at a high place, so that mixing them up with a pointer or a
// plain offset shows at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/address.h"
#include "runtime/core/check.h"
#include "runtime/core/units.h"
#include "runtime/ptable/table_memory.h"
#include "runtime/sim/carver.h"

namespace pageward::sim {

/// Names what fills a whole frame. Not 0 and not the largest number.
struct FillTag {
  std::uint32_t value = 1;
};

/// Memory in frames from base() on. Implements ptable::TableMemory.
///
/// Thread-safe as memory is: words are loaded and stored whole. A frame is filled and cleared by
/// whoever owns it.
class SimRam {
 public:
  /// 42 TiB: not reachable with fewer than 46 bits, and no place where host pointers lie.
  static constexpr PhysAddr kDefaultBase{0x2a00'0000'0000};

  /// What it is kept in: a word and 4 KiB for each frame.
  struct Memory {
    std::span<std::uint32_t> contents;
    std::span<std::byte> bytes;

    static Memory CarveFrom(Carver& carver, FrameCount frames);
  };

  /// Requires: `base` is a multiple of 1 GiB; `memory` is zero.
  SimRam(const Memory& memory, PhysAddr base);
  SimRam(const SimRam&) = delete;
  SimRam& operator=(const SimRam&) = delete;

  PhysAddr base() const { return base_; }
  FrameCount frames() const { return frames_; }
  std::uint64_t bytes() const { return frames_.bytes(); }

  bool Contains(PhysAddr at) const { return at - base_ < bytes(); }
  PhysAddr AddressOf(FrameNumber frame) const {
    return base_ + (std::uint64_t{frame.value} << kFrameBytesLog2);
  }
  /// Dies with Violation::kForeignFrame if there is no RAM at `at`.
  FrameNumber FrameOf(PhysAddr at) const {
    PW_CHECK(Contains(at), Violation::kForeignFrame, at.value());
    return FrameNumber(static_cast<std::uint32_t>((at - base_) >> kFrameBytesLog2));
  }

  // --- Words ----------------------------------------------------------------------------------
  // At multiples of 8; each dies with Violation::kForeignFrame if there is no RAM.

  std::uint64_t Load(PhysAddr at) const {
    const FrameNumber frame = FrameOf(at);
    const std::uint32_t content = ContentOf(frame);
    if (content == kBytes) [[likely]] {
      return __atomic_load_n(WordAt(at), __ATOMIC_ACQUIRE);
    }
    return content == kZero ? 0 : PatternOf(FillTag{content});
  }
  void Store(PhysAddr at, std::uint64_t word) {
    Materialize(FrameOf(at));
    __atomic_store_n(WordAt(at), word, __ATOMIC_RELEASE);
  }
  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    Materialize(FrameOf(at));
    __atomic_compare_exchange_n(WordAt(at), &expected, word, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    return expected;
  }

  // --- Frames ---------------------------------------------------------------------------------

  /// Makes every byte of `frame` zero. Free of cost if nothing was written to it.
  void Zero(FrameNumber frame);
  bool IsZero(FrameNumber frame) const;

  /// Fills `frame` with a pattern: each of its words is PatternOf(tag).
  void Fill(FrameNumber frame, FillTag tag);
  /// Spread over all bits, so that no pattern looks like an entry of a table or a small number.
  static constexpr std::uint64_t PatternOf(FillTag tag) {
    return 0x9e37'79b9'7f4a'7c15 * (std::uint64_t{tag.value} + 1);
  }

  /// Makes `to` hold what `from` holds.
  void Copy(FrameNumber from, FrameNumber to);

  /// Copies the bytes of `frame` to `bytes`, whatever they are.
  void Read(FrameNumber frame, std::span<std::byte, kFrameBytes> bytes) const;

  /// Returns whether the frame has bytes of its own or a pattern, so that it is not known to be
  /// zero without looking. For whoever hands the memory to somebody else.
  bool IsTouched(FrameNumber frame) const { return ContentOf(frame) != kZero; }

  /// The number of frames that have bytes of their own, and so cost memory.
  std::uint64_t backed_frames() const { return __atomic_load_n(&backed_, __ATOMIC_RELAXED); }

 private:
  // What a frame holds; other numbers are tags. Where it is not kBytes the bytes behind the frame
  // are zero.
  static constexpr std::uint32_t kZero = 0;
  static constexpr std::uint32_t kBytes = ~std::uint32_t{0};

  std::uint32_t ContentOf(FrameNumber frame) const {
    return __atomic_load_n(&contents_[frame.value], __ATOMIC_ACQUIRE);
  }
  std::uint64_t* WordAt(PhysAddr at) const {
    PW_ASSERT(at.value() % 8 == 0);
    return reinterpret_cast<std::uint64_t*>(bytes_.data() + (at - base_));
  }
  std::byte* BytesOf(FrameNumber frame) const {
    return bytes_.data() + (std::uint64_t{frame.value} << kFrameBytesLog2);
  }
  void Materialize(FrameNumber frame) {
    if (ContentOf(frame) != kBytes) [[unlikely]] {
      MaterializeSlowly(frame);
    }
  }
  void MaterializeSlowly(FrameNumber frame);
  void DropBytes(FrameNumber frame);

  const PhysAddr base_;
  const FrameCount frames_;
  std::span<std::uint32_t> contents_;
  std::span<std::byte> bytes_;
  std::uint64_t backed_ = 0;
};
static_assert(ptable::TableMemory<SimRam>);

}  // namespace pageward::sim
