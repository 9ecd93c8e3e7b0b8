#include "runtime/core/bit_field.h"

#include <gtest/gtest.h>

namespace pageward {
namespace {

enum class Colour : std::uint8_t { kRed, kGreen, kBlue };

using ColourField = BitField<Colour, 0, 2>;
using LengthField = BitField<std::uint32_t, 2, 28>;
using TopField = BitField<std::uint64_t, 30, 34>;
using WholeWord = BitField<std::uint64_t, 0, 64>;

static_assert(kAreDisjoint<ColourField, LengthField, TopField>);
static_assert(!kAreDisjoint<ColourField, WholeWord>);

TEST(BitFieldTest, GivesBackWhatWasEncoded) {
  const std::uint64_t word = ColourField::Encode(Colour::kBlue) | LengthField::Encode(12345) |
                             TopField::Encode(TopField::kMax);
  EXPECT_EQ(ColourField::Get(word), Colour::kBlue);
  EXPECT_EQ(LengthField::Get(word), 12345u);
  EXPECT_EQ(TopField::Get(word), TopField::kMax);
}

TEST(BitFieldTest, SetLeavesTheOtherFieldsAlone) {
  const std::uint64_t before = ~std::uint64_t{0};
  const std::uint64_t after = LengthField::Set(before, 0);
  EXPECT_EQ(LengthField::Get(after), 0u);
  EXPECT_EQ(after | LengthField::kMask, before);
}

TEST(BitFieldTest, DropsBitsBeyondTheWidth) {
  EXPECT_FALSE(LengthField::Fits(1u << 28));
  EXPECT_EQ(LengthField::Encode(1u << 28), 0u);
  EXPECT_EQ(WholeWord::Get(WholeWord::Encode(~std::uint64_t{0})), ~std::uint64_t{0});
}

}  // namespace
}  // namespace pageward
