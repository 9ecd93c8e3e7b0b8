#include "runtime/ptable/ptp_stock.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/ptable/fake_ptp_source.h"
#include "tests/support/ptable/fake_table_memory.h"

namespace pageward::ptable {
namespace {

using testing_support::FakePtpSource;
using testing_support::FakeTableMemory;

class PtpStockTest : public testing::Test {
 protected:
  FakeTableMemory memory_{16};
  FakePtpSource source_{memory_};
};

TEST_F(PtpStockTest, PagesComeOutZeroAndNoneTwice) {
  PtpStock stock(memory_, source_);
  ASSERT_TRUE(stock.Fill(5).ok());
  EXPECT_EQ(stock.count(), 5u);
  std::set<PhysAddr> pages;
  while (stock.count() > 0) {
    const PhysAddr page = stock.Take();
    EXPECT_TRUE(memory_.IsFilledWith(page, 0));
    EXPECT_TRUE(pages.insert(page).second);
  }
  EXPECT_EQ(pages.size(), 5u);
  for (const PhysAddr page : pages) {
    source_.Free(page);
  }
}

TEST_F(PtpStockTest, WhatIsLeftGoesBackToTheSource) {
  {
    PtpStock stock(memory_, source_);
    ASSERT_TRUE(stock.Fill(5).ok());
    source_.Free(stock.Take());
    EXPECT_EQ(source_.outside(), 4u);
  }
  EXPECT_EQ(source_.outside(), 0u);
}

TEST_F(PtpStockTest, AFillThatFailsAtAnyPageKeepsNone) {
  for (std::uint64_t granted = 0; granted < 4; ++granted) {
    PtpStock stock(memory_, source_);
    source_.FailAfter(granted);
    const Status filled = stock.Fill(4);
    ASSERT_FALSE(filled.ok()) << granted;
    EXPECT_EQ(filled.error(), Error::kNoMemory);
    EXPECT_EQ(stock.count(), 0u);
    EXPECT_EQ(source_.outside(), 0u);
  }
}

TEST_F(PtpStockTest, APagePutBackComesOutAgain) {
  PtpStock stock(memory_, source_);
  ASSERT_TRUE(stock.Fill(2).ok());
  const PhysAddr page = stock.Take();
  stock.Put(page);
  EXPECT_EQ(stock.Take(), page);
  EXPECT_TRUE(memory_.IsFilledWith(page, 0));
  source_.Free(page);
}

TEST_F(PtpStockTest, OnePageAloneIsNotWrittenTo) {
  memory_.StartLog();
  PtpStock stock(memory_, source_);
  ASSERT_TRUE(stock.Fill(1).ok());
  source_.Free(stock.Take());
  EXPECT_TRUE(memory_.log().empty());
}

}  // namespace
}  // namespace pageward::ptable
