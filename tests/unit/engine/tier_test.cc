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

TEST(TierTest, TiersAreOrderedAndOffUnlessSaid) {
  EXPECT_LT(Tier::kMprotect, Tier::kPku);
  EXPECT_LT(Tier::kPku, Tier::kSealed);
  Tiers tiers;
  EXPECT_EQ(tiers.of(Asset::kDomain), Tier::kOff);
  tiers.Set(Asset::kDomain, Tier::kPku);
  EXPECT_EQ(tiers.of(Asset::kDomain), Tier::kPku);
  EXPECT_EQ(tiers.of(Asset::kFreed), Tier::kOff);
}

}  // namespace
}  // namespace pageward::engine
