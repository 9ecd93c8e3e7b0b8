#include "tools/pageward/sim/costs.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

class CostsTest : public testing::Test {
 protected:
  ~CostsTest() override { std::remove(path_.c_str()); }

  sim::CostModel From(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return CostsFrom(path_);
  }
  std::string FailureOf(const std::string& text) {
    try {
      From(text);
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "";
  }

  const std::string path_ =
      testing::TempDir() + "costs_" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(CostsTest, ReplacesWhatTheFileNames) {
  const sim::CostModel costs = From("# mine\nwalk = 17\n\nfault=2000 # slow\n");
  EXPECT_EQ(costs[sim::Primitive::kWalk], 17u);
  EXPECT_EQ(costs[sim::Primitive::kFault], 2000u);
  EXPECT_EQ(costs[sim::Primitive::kShootdown], sim::CostModel()[sim::Primitive::kShootdown]);
}

TEST_F(CostsTest, AWrongNameIsToldWithItsLineAndTheNearest) {
  EXPECT_EQ(
      FailureOf("walk = 17\nshotdown = 3\n"),
      "--costs: " + path_ + ", line 2: 'shotdown' is no primitive; did you mean 'shootdown'?");
}

TEST_F(CostsTest, AWrongNumberIsToldWithItsLine) {
  for (const char* text : {"walk = many\n", "walk = -1\n", "walk\n", "walk = 99999999999\n"}) {
    EXPECT_NE(FailureOf(text).find(", line 1: "), std::string::npos) << FailureOf(text);
    EXPECT_NE(FailureOf(text).find("no number of cycles"), std::string::npos) << FailureOf(text);
  }
}

TEST_F(CostsTest, AForeignFileIsToldWithoutItsControlCharacters) {
  const std::string failure = FailureOf(
      "\x7f"
      "ELF\x02\x01" +
      std::string(200, 'x') + "\n");
  EXPECT_NE(failure.find(", line 1: '?ELF??xxx"), std::string::npos) << failure;
  EXPECT_LT(failure.size(), 250u);
}

TEST_F(CostsTest, AFileThatIsNotThereIsTold) {
  EXPECT_THROW(CostsFrom(path_ + ".nothing"), Failure);
}

}  // namespace
}  // namespace pageward::tool
