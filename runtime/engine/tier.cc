#include "runtime/engine/tier.h"

namespace pageward::engine {
namespace {

constexpr std::array<std::string_view, kAssetCount> kAssetNames = {"metadata", "domain", "unmapped",
                                                                   "freed"};
constexpr std::array<std::string_view, kTierCount> kTierNames = {"off", "mprotect", "pku", "sealed",
                                                                 "secretmem"};

template <typename Value, std::size_t kCount>
std::optional<Value> Find(const std::array<std::string_view, kCount>& names,
                          std::string_view name) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) {
      return static_cast<Value>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view NameOf(Asset asset) {
  return kAssetNames[static_cast<std::size_t>(asset)];
}

std::string_view NameOf(Tier tier) {
  return kTierNames[static_cast<std::size_t>(tier)];
}

std::optional<Asset> AssetNamed(std::string_view name) {
  return Find<Asset>(kAssetNames, name);
}

std::optional<Tier> TierNamed(std::string_view name) {
  return Find<Tier>(kTierNames, name);
}

}  // namespace pageward::engine
