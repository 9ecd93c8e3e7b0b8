// Typed fields inside an integer, so that no layout is ever shifted by hand.
//
//   using StateField = BitField<FrameState, 0, 4>;
//   using OrderField = BitField<unsigned, 4, 5>;
//   static_assert(kAreDisjoint<StateField, OrderField>);
//   word = StateField::Set(word, FrameState::kFree);
#pragma once

#include <cstdint>
#include <type_traits>

namespace pageward {

/// A field of `kWidth` bits from bit `kShift` on, holding a value of type `Value`.
template <typename Value, unsigned kShift, unsigned kWidth>
struct BitField {
  static_assert(kWidth > 0 && kShift + kWidth <= 64);
  static_assert(std::is_integral_v<Value> || std::is_enum_v<Value>);

  static constexpr std::uint64_t kMax =
      kWidth == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << kWidth) - 1;
  static constexpr std::uint64_t kMask = kMax << kShift;

  /// Returns whether `value` can be stored without loss.
  static constexpr bool Fits(Value value) { return static_cast<std::uint64_t>(value) <= kMax; }

  /// Returns a word that is zero but for this field. Bits of `value` beyond the width are dropped.
  static constexpr std::uint64_t Encode(Value value) {
    return (static_cast<std::uint64_t>(value) & kMax) << kShift;
  }

  static constexpr Value Get(std::uint64_t word) {
    return static_cast<Value>((word >> kShift) & kMax);
  }

  /// Returns `word` with this field replaced.
  static constexpr std::uint64_t Set(std::uint64_t word, Value value) {
    return (word & ~kMask) | Encode(value);
  }
};

/// True if no two of the fields share a bit.
template <typename... Fields>
inline constexpr bool kAreDisjoint = [] {
  std::uint64_t seen = 0;
  bool disjoint = true;
  ((disjoint = disjoint && (seen & Fields::kMask) == 0, seen |= Fields::kMask), ...);
  return disjoint;
}();

}  // namespace pageward
