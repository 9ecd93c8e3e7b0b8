#include "tools/pageward/command/sizes.h"

#include <gtest/gtest.h>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(SizesTest, ASizeHasAUnitOrNone) {
  EXPECT_EQ(ParseSize("--ram", "4096"), 4096u);
  EXPECT_EQ(ParseSize("--ram", "16B"), 16u);
  EXPECT_EQ(ParseSize("--ram", "3G"), 3 * kGiB);
  EXPECT_EQ(ParseSize("--ram", "3GB"), 3 * kGiB);
  EXPECT_EQ(ParseSize("--ram", "3GiB"), 3 * kGiB);
  EXPECT_EQ(ParseSize("--ram", "1T"), 1024 * kGiB);
}

TEST(SizesTest, AnythingElseIsRefusedByTheNameOfItsOption) {
  for (const char* text : {"", "G", "B", "iB", "16iB", "-1", "1.5G", "4 G", "4g5", "0x10", "4GiBB",
                           "99999999999999999999", "20000000T"}) {
    try {
      ParseSize("--ram", text);
      ADD_FAILURE() << text;
    } catch (const Failure& failure) {
      EXPECT_EQ(std::string(failure.what()).rfind("--ram: '", 0), 0u) << failure.what();
    }
  }
}

TEST(SizesTest, ANumberLiesInItsRange) {
  EXPECT_EQ(ParseNumber("--cpus", "1", 1, 256), 1u);
  EXPECT_EQ(ParseNumber("--cpus", "256", 1, 256), 256u);
  for (const char* text : {"0", "257", "-1", "", "1 ", "two", "18446744073709551617"}) {
    EXPECT_THROW(ParseNumber("--cpus", text, 1, 256), Failure) << text;
  }
}

TEST(SizesTest, ATypedSizeIsTheShortestThatMeansTheSame) {
  EXPECT_EQ(TypedSize(0), "0");
  EXPECT_EQ(TypedSize(4097), "4097");
  EXPECT_EQ(TypedSize(3 * kGiB), "3G");
  EXPECT_EQ(TypedSize(kGiB + kGiB / 2), "1536M");
  EXPECT_EQ(TypedSize(2048 * kGiB), "2T");
}

TEST(SizesTest, NumbersAreShownForPeople) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1000), "1,000");
  EXPECT_EQ(WithCommas(1234567), "1,234,567");
  EXPECT_EQ(InThousands(0), "0");
  EXPECT_EQ(InThousands(812), "812");
  EXPECT_EQ(InThousands(999.6), "1.00 k");
  EXPECT_EQ(InThousands(1234), "1.23 k");
  EXPECT_EQ(InThousands(45'600'000), "45.6 M");
  EXPECT_EQ(InThousands(789e9), "789 G");
}

}  // namespace
}  // namespace pageward::tool
