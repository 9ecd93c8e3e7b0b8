// The units that memory is counted in: frames, orders and pageblocks.
//
// A *frame* is 4 KiB of memory that can be owned; a *pageblock* is a 2 MiB aligned group of 512
// frames, the unit in which protection is granted; an *order* is the log2 of a number of frames.
// Each is a type of its own, so that mixing them up does not compile.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "runtime/core/bits.h"
#include "runtime/core/check.h"

namespace pageward {

inline constexpr unsigned kFrameBytesLog2 = 12;
inline constexpr std::size_t kFrameBytes = std::size_t{1} << kFrameBytesLog2;
inline constexpr unsigned kPageblockFramesLog2 = 9;
inline constexpr std::uint32_t kPageblockFrames = 1u << kPageblockFramesLog2;
inline constexpr unsigned kPageblockBytesLog2 = kFrameBytesLog2 + kPageblockFramesLog2;
inline constexpr std::size_t kPageblockBytes = std::size_t{1} << kPageblockBytesLog2;

/// A number of frames.
///
/// 32 bits: the largest zone is 1 TiB, 2^28 frames.
struct FrameCount {
  std::uint32_t value = 0;

  constexpr FrameCount() = default;
  explicit constexpr FrameCount(std::uint32_t frames) : value(frames) {}

  constexpr std::uint64_t bytes() const { return std::uint64_t{value} << kFrameBytesLog2; }

  constexpr FrameCount& operator+=(FrameCount other) { return value += other.value, *this; }
  constexpr FrameCount& operator-=(FrameCount other) { return value -= other.value, *this; }
  friend constexpr FrameCount operator+(FrameCount a, FrameCount b) {
    return FrameCount(a.value + b.value);
  }
  friend constexpr FrameCount operator-(FrameCount a, FrameCount b) {
    return FrameCount(a.value - b.value);
  }
  friend constexpr auto operator<=>(FrameCount, FrameCount) = default;
};

/// Returns how many frames `bytes` need, rounded up.
///
/// Requires: the result fits 32 bits.
constexpr FrameCount FramesFor(std::uint64_t bytes) {
  return FrameCount(static_cast<std::uint32_t>((bytes + kFrameBytes - 1) >> kFrameBytesLog2));
}

/// The index of a pageblock inside its zone.
struct BlockNumber {
  std::uint32_t value = 0;

  constexpr BlockNumber() = default;
  explicit constexpr BlockNumber(std::uint32_t number) : value(number) {}

  friend constexpr BlockNumber operator+(BlockNumber block, std::uint32_t blocks) {
    return BlockNumber(block.value + blocks);
  }
  friend constexpr auto operator<=>(BlockNumber, BlockNumber) = default;
};

/// The index of a frame inside its zone. Not an address: only a space can turn it into one.
struct FrameNumber {
  std::uint32_t value = 0;

  constexpr FrameNumber() = default;
  explicit constexpr FrameNumber(std::uint32_t number) : value(number) {}

  constexpr BlockNumber block() const { return BlockNumber(value >> kPageblockFramesLog2); }
  constexpr std::uint32_t index_in_block() const { return value & (kPageblockFrames - 1); }

  friend constexpr FrameNumber operator+(FrameNumber frame, FrameCount count) {
    return FrameNumber(frame.value + count.value);
  }
  friend constexpr FrameNumber operator-(FrameNumber frame, FrameCount count) {
    return FrameNumber(frame.value - count.value);
  }
  friend constexpr FrameCount operator-(FrameNumber a, FrameNumber b) {
    return FrameCount(a.value - b.value);
  }
  friend constexpr auto operator<=>(FrameNumber, FrameNumber) = default;
};

constexpr FrameNumber FirstFrameOf(BlockNumber block) {
  return FrameNumber(block.value << kPageblockFramesLog2);
}

/// The log2 of a number of frames, from 0 (4 KiB) to kMaxOrder (1 GiB).
class Order {
 public:
  static constexpr unsigned kMaxValue = 18;

  constexpr Order() = default;
  explicit constexpr Order(unsigned value) : value_(static_cast<std::uint8_t>(value)) {
    PW_ASSERT(value <= kMaxValue);
  }

  constexpr unsigned value() const { return value_; }
  constexpr FrameCount frames() const { return FrameCount(1u << value_); }

  friend constexpr auto operator<=>(Order, Order) = default;

 private:
  std::uint8_t value_ = 0;
};

inline constexpr Order kPageblockOrder{kPageblockFramesLog2};
inline constexpr Order kMaxOrder{Order::kMaxValue};
inline constexpr std::size_t kOrderCount = Order::kMaxValue + 1;

/// A half-open run of frames.
struct FrameRange {
  FrameNumber begin;
  FrameCount count;

  constexpr FrameNumber end() const { return begin + count; }
  constexpr bool IsEmpty() const { return count.value == 0; }
  constexpr bool Contains(FrameNumber frame) const { return frame >= begin && frame < end(); }

  friend constexpr bool operator==(FrameRange, FrameRange) = default;
};

/// A half-open run of pageblocks.
struct BlockRange {
  BlockNumber begin;
  std::uint32_t count = 0;

  constexpr BlockNumber end() const { return begin + count; }
  constexpr FrameRange frames() const {
    return FrameRange{FirstFrameOf(begin), FrameCount(count << kPageblockFramesLog2)};
  }

  friend constexpr bool operator==(BlockRange, BlockRange) = default;
};

}  // namespace pageward
