#include "tools/pageward/sim/meanings.h"

#include <gtest/gtest.h>

#include <set>

namespace pageward::tool {
namespace {

TEST(MeaningsTest, EverythingThatIsCountedHasOneOfItsOwn) {
  std::set<std::string_view> meanings;
  for (std::size_t i = 0; i < sim::kPrimitiveCount; ++i) {
    meanings.insert(MeaningOf(static_cast<sim::Primitive>(i)));
  }
  for (std::size_t i = 0; i < sim::kTallyCount; ++i) {
    meanings.insert(MeaningOf(static_cast<sim::Tally>(i)));
  }
  EXPECT_EQ(meanings.size(), sim::kPrimitiveCount + sim::kTallyCount);
  EXPECT_FALSE(meanings.contains(""));
}

}  // namespace
}  // namespace pageward::tool
