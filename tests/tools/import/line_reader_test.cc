#include "tools/pageward/import/line_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/tools/text_file.h"
#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

using testing_support::TextFile;

std::vector<std::string> LinesOf(std::string_view text) {
  const TextFile file(text);
  LineReader reader(file.path());
  std::vector<std::string> lines;
  while (const auto line = reader.Next()) {
    lines.emplace_back(line->text);
  }
  EXPECT_EQ(reader.bytes_read(), text.size());
  EXPECT_EQ(reader.file_bytes(), text.size());
  return lines;
}

TEST(LineReaderTest, LinesComeInOrderWithoutTheirEnds) {
  EXPECT_EQ(LinesOf("a\n\nb c\n"), (std::vector<std::string>{"a", "", "b c"}));
  EXPECT_EQ(LinesOf(""), std::vector<std::string>());
  EXPECT_EQ(LinesOf("\n"), std::vector<std::string>{""});
}

TEST(LineReaderTest, ALastLineWithoutAnEndIsGivenAndSaysSo) {
  const TextFile file("a\nb");
  LineReader reader(file.path());
  EXPECT_TRUE(reader.Next()->has_end);
  const auto last = reader.Next();
  EXPECT_EQ(last->text, "b");
  EXPECT_FALSE(last->has_end);
  EXPECT_FALSE(reader.Next().has_value());
}

// Lengths around the limit, and around what is read at a time.
TEST(LineReaderTest, OfALongLineTheBeginningIsGivenAndTheNextOneIsWhole) {
  for (const std::size_t length :
       {LineReader::kLongestLine - 1, LineReader::kLongestLine, LineReader::kLongestLine + 1,
        std::size_t{65535}, std::size_t{65536}, std::size_t{65537}, std::size_t{300'000}}) {
    const TextFile file("first\n" + std::string(length, 'x') + "\nlast\n");
    LineReader reader(file.path());
    EXPECT_EQ(reader.Next()->text, "first");
    const auto longest = reader.Next();
    const bool is_cut = length > LineReader::kLongestLine;
    EXPECT_EQ(longest->text, std::string(is_cut ? LineReader::kLongestLine : length, 'x'));
    EXPECT_EQ(longest->is_cut, is_cut) << length;
    EXPECT_TRUE(longest->has_end);
    EXPECT_EQ(reader.Next()->text, "last") << length;
    EXPECT_FALSE(reader.Next().has_value());
    EXPECT_EQ(reader.bytes_read(), reader.file_bytes()) << length;
  }
}

TEST(LineReaderTest, ManyLinesSurviveTheEndsOfTheBuffer) {
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 20'000; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i % 37), 'y') + std::to_string(i));
    text += expected.back() + '\n';
  }
  EXPECT_EQ(LinesOf(text), expected);
}

TEST(LineReaderTest, TheHeadIsSeenAndStillComes) {
  const TextFile file("abc\nd\n");
  LineReader reader(file.path());
  EXPECT_EQ(reader.Head(), "abc\nd\n");
  EXPECT_EQ(reader.Next()->text, "abc");
}

TEST(LineReaderTest, WhatIsNoFileIsRefused) {
  EXPECT_THROW(LineReader("/nowhere/at/all"), Failure);
  EXPECT_THROW(LineReader("/"), Failure);
  EXPECT_THROW(LineReader("/dev/null"), Failure);
}

}  // namespace
}  // namespace pageward::tool
