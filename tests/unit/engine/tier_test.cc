#include "runtime/engine/tier.h"

#include <gtest/gtest.h>

namespace pageward::engine {
namespace {

TEST(TierTest, NamesRoundTrip) {
  for (std::size_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    EXPECT_EQ(AssetNamed(NameOf(asset)), asset);
  }
  for (std::size_t i = 0; i < kTierCount; ++i) {
    const auto tier = static_cast<Tier>(i);
    EXPECT_EQ(TierNamed(NameOf(tier)), tier);
  }
  EXPECT_EQ(AssetNamed("heap"), std::nullopt);
  EXPECT_EQ(TierNamed(""), std::nullopt);
}

TEST(TierTest, ARequirementIsMetByItsTierOrABetterOne) {
  Tiers have;
  have.Set(Asset::kDomain, Tier::kPku);
  have.Set(Asset::kUnmapped, Tier::kSecretmem);
  Tiers required;
  EXPECT_EQ(have.FirstBelow(required), std::nullopt);
  required.Set(Asset::kUnmapped, Tier::kPku);
  EXPECT_EQ(have.FirstBelow(required), std::nullopt);
  required.Set(Asset::kDomain, Tier::kSealed);
  EXPECT_EQ(have.FirstBelow(required), Asset::kDomain);
}

}  // namespace
}  // namespace pageward::engine
