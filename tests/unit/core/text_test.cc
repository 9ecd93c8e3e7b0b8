#include "runtime/core/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace pageward {
namespace {

TEST(TextTest, AppendsInOrder) {
  Text<64> text;
  text.Append("frame ").AppendDecimal(0).Append(" at ").AppendHex(0xdeadbeef);
  EXPECT_EQ(text.view(), "frame 0 at 0xdeadbeef");
  EXPECT_FALSE(text.IsTruncated());
}

TEST(TextTest, PrintsTheExtremesOfEachType) {
  Text<96> text;
  text.AppendDecimal(std::numeric_limits<std::uint64_t>::max()).Append(" ");
  text.AppendSigned(std::numeric_limits<std::int64_t>::min()).Append(" ");
  text.AppendHex(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(text.view(), "18446744073709551615 -9223372036854775808 0xffffffffffffffff");
}

TEST(TextTest, BytesCarryABinaryUnit) {
  const auto in_words = [](std::uint64_t bytes) {
    Text<32> text;
    text.AppendBytes(bytes);
    return std::string(text.view());
  };
  EXPECT_EQ(in_words(0), "0 B");
  EXPECT_EQ(in_words(1023), "1023 B");
  EXPECT_EQ(in_words(1024), "1.0 KiB");
  EXPECT_EQ(in_words(1536), "1.5 KiB");
  EXPECT_EQ(in_words(std::uint64_t{1} << 40), "1.0 TiB");
  EXPECT_EQ(in_words(~std::uint64_t{0}), "15.9 EiB");
}

TEST(TextTest, CutsOffWhatDoesNotFitAndStillEndsTheLine) {
  Text<8> text;
  text.Append("0123456789");
  EXPECT_TRUE(text.IsTruncated());
  text.EndLine();
  EXPECT_EQ(text.view(), "0123456\n");
}

TEST(TextTest, PadsEachLineOnItsOwn) {
  Text<64> text;
  text.Append("long line\nab").PadTo(4).Append("c");
  EXPECT_EQ(text.view(), "long line\nab  c");
}

TEST(CutTest, CutsWithoutEverLeavingTheText) {
  EXPECT_EQ(FirstOf("abc", 2), "ab");
  EXPECT_EQ(FirstOf("abc", std::string_view::npos), "abc");
  EXPECT_EQ(WithoutFirst("abc", 2), "c");
  EXPECT_EQ(WithoutFirst("abc", 7), "");
}

TEST(CutTest, TakesWordsOffTheFront) {
  std::string_view text = "a,,bc";
  EXPECT_EQ(TakeUpTo(',', &text), "a");
  EXPECT_EQ(TakeUpTo(',', &text), "");
  EXPECT_EQ(TakeUpTo(',', &text), "bc");
  EXPECT_TRUE(text.empty());
}

TEST(ParseTest, ReadsWholeDecimalsOnly) {
  std::uint64_t value = 7;
  EXPECT_TRUE(ParseDecimal("18446744073709551615", &value));
  EXPECT_EQ(value, std::numeric_limits<std::uint64_t>::max());
  for (const char* bad : {"", "-1", "1 ", "0x10", "18446744073709551616", "99999999999999999999"}) {
    EXPECT_FALSE(ParseDecimal(bad, &value)) << bad;
  }
}

TEST(ParseTest, ReadsBytesWithASuffix) {
  std::uint64_t bytes = 0;
  EXPECT_TRUE(ParseBytes("64", &bytes));
  EXPECT_EQ(bytes, 64u);
  EXPECT_TRUE(ParseBytes("3M", &bytes));
  EXPECT_EQ(bytes, std::uint64_t{3} << 20);
  EXPECT_TRUE(ParseBytes("1T", &bytes));
  EXPECT_EQ(bytes, std::uint64_t{1} << 40);
  for (const char* bad : {"", "K", "1KB", "16777216T", "1.5G", "-1K"}) {
    EXPECT_FALSE(ParseBytes(bad, &bytes)) << bad;
  }
}

}  // namespace
}  // namespace pageward
