#include "runtime/sim/table_accounts.h"

#include <gtest/gtest.h>

#include <array>

namespace pageward::sim {
namespace {

class TableAccountsTest : public testing::Test {
 protected:
  std::array<std::uint16_t, 8> owners_{};
  std::vector<std::uint32_t> charges_ = std::vector<std::uint32_t>(kAccountCount);
  TableAccounts accounts_{TableAccounts::Memory{owners_, charges_}};
};

// Spec: T118
TEST_F(TableAccountsTest, ChargesAndDischargesBalance) {
  const AccountId process{kFirstProcessAccount};
  accounts_.Move(FrameNumber(3), kNobody, kPoolAccount);
  accounts_.Move(FrameNumber(3), kPoolAccount, process);
  accounts_.Move(FrameNumber(4), kNobody, process);
  EXPECT_EQ(accounts_.charges(process), 2u);
  EXPECT_EQ(accounts_.charges(kPoolAccount), 0u);
  EXPECT_EQ(accounts_.OwnerOf(FrameNumber(3)), process);
  accounts_.CheckInvariants();
  accounts_.CheckAccount(process);
  accounts_.Move(FrameNumber(3), process, kNobody);
  accounts_.Move(FrameNumber(4), process, kNobody);
  EXPECT_EQ(accounts_.charges(process), 0u);
}

using TableAccountsDeathTest = TableAccountsTest;

TEST_F(TableAccountsDeathTest, AChargeThatIsSomebodyElsesIsFound) {
  accounts_.Move(FrameNumber(3), kNobody, kPoolAccount);
  EXPECT_DEATH(accounts_.Move(FrameNumber(3), kKernelAccount, kNobody), "invariant broken: 0x3");
}

TEST_F(TableAccountsDeathTest, ACountThatIsWrongIsFound) {
  charges_[kKernelAccount.value] = 1;
  EXPECT_DEATH(accounts_.CheckInvariants(), "invariant broken: 0x1");
}

}  // namespace
}  // namespace pageward::sim
