#include "hooks/jemalloc/bad_pointer.h"

#include <gtest/gtest.h>

#include <string>

namespace pageward::hooks {
namespace {

constexpr std::string_view kMaps =
    "555555554000-555555558000 r--p 00000000 fe:00 131 /usr/bin/with space\n"
    "555555558000-555555559000 rw-p 00000000 00:00 0 \n"
    "55555555a000-55555555b000 rw-p 00000000 00:00 0 \n"
    "7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
    "7f0000021000-7f0000030000 rw-p 00000000 00:00 0                          [anon:x]\n"
    "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n";

std::string Described(std::uint64_t address) {
  Text<200> text;
  DescribeMapping(kMaps, address, &text);
  return std::string(text.view());
}

TEST(DescribeMappingTest, NamesWhatIsMapped) {
  EXPECT_EQ(Described(0x555555554000),
            "it points into the static data or code of /usr/bin/with space");
  EXPECT_EQ(Described(0x555555558000),
            "it points into the static data or code of /usr/bin/with space")
      << "zeros, behind the file";
  EXPECT_EQ(Described(0x55555555a000),
            "it points into an anonymous mapping that is not the heap's");
  EXPECT_EQ(Described(0x7f0000020fff),
            "it points into an anonymous mapping that is not the heap's");
  EXPECT_EQ(Described(0x7f0000021000), "it points into [anon:x]");
  EXPECT_EQ(Described(0x7fffffffefff), "it points into the stack");
  EXPECT_EQ(Described(0x7ffffffff000), "nothing is mapped there");
  EXPECT_EQ(Described(0), "nothing is mapped there");
}

TEST(DescribeMappingTest, SurvivesTextThatIsNoMap) {
  Text<200> text;
  DescribeMapping("nonsense\n\nzz-1 \n12", 0x12, &text);
  EXPECT_EQ(text.view(), "nothing is mapped there");
}

}  // namespace
}  // namespace pageward::hooks
