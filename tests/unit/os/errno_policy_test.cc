#include "runtime/os/errno_policy.h"

#include <gtest/gtest.h>

#include <set>

namespace pageward::os {
namespace {

TEST(ErrnoPolicyTest, EachFailureOfACallHasOneMeaning) {
  std::set<std::pair<Call, int>> seen;
  for (const Answer& answer : kAnswers) {
    EXPECT_TRUE(seen.insert({answer.call, answer.error}).second)
        << NameOf(answer.call) << " " << answer.error;
  }
}

TEST(ErrnoPolicyTest, RunningOutIsAnAnswerAndABadAddressIsNot) {
  EXPECT_EQ(MeaningOf(Call::kReserve, ENOMEM), Error::kNoAddressSpace);
  EXPECT_EQ(MeaningOf(Call::kProtect, ENOMEM), Error::kTooManyMappings);
  EXPECT_EQ(MeaningOf(Call::kProtect, EINVAL), std::nullopt);
  EXPECT_EQ(MeaningOf(Call::kDiscard, EFAULT), std::nullopt);
}

TEST(ErrnoPolicyTest, EveryCallHasANameAndAnAnswer) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i <= static_cast<unsigned>(Call::kRead); ++i) {
    const auto call = static_cast<Call>(i);
    EXPECT_TRUE(names.insert(NameOf(call)).second) << i;
    EXPECT_NE(std::find_if(std::begin(kAnswers), std::end(kAnswers),
                           [call](const Answer& answer) { return answer.call == call; }),
              std::end(kAnswers))
        << NameOf(call);
  }
}

}  // namespace
}  // namespace pageward::os
