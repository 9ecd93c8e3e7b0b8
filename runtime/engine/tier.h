// How well each kind of memory is protected here, in one word.
//
// A tier is chosen for each asset at start, shown on request and enforceable: a program started
// with an unmet requirement does not start. Tiers are ordered; a requirement is met by its tier or
// a better one. What a tier means differs by asset.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pageward::engine {

/// What is protected.
enum class Asset : std::uint8_t {
  kMetadata,  ///< What the allocators decide by.
  kDomain,    ///< Keyed domains and table pages.
  kUnmapped,  ///< Frames that only views reach.
  kFreed,     ///< Memory that has been given back.
};
inline constexpr std::size_t kAssetCount = 4;

/// By what, from the weakest to the strongest.
enum class Tier : std::uint8_t {
  kOff,        ///< Not protected.
  kMprotect,   ///< By page permissions: process-wide.
  kPku,        ///< By protection keys: by thread.
  kSealed,     ///< By keys on mappings that can't be changed any more.
  kSecretmem,  ///< Gone from the kernel's own map as well.
};
inline constexpr std::size_t kTierCount = 5;

std::string_view NameOf(Asset asset);
std::string_view NameOf(Tier tier);
std::optional<Asset> AssetNamed(std::string_view name);
std::optional<Tier> TierNamed(std::string_view name);

/// A tier for each asset.
class Tiers {
 public:
  constexpr Tier of(Asset asset) const { return tiers_[static_cast<std::size_t>(asset)]; }
  constexpr void Set(Asset asset, Tier tier) { tiers_[static_cast<std::size_t>(asset)] = tier; }

  friend constexpr bool operator==(const Tiers&, const Tiers&) = default;

 private:
  std::array<Tier, kAssetCount> tiers_ = {};
};

}  // namespace pageward::engine
