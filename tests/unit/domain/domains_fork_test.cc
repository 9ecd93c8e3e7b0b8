// What a child made by fork(2) has of domains.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/domain/domains.h"
#include "tests/support/domain/test_domains.h"
#include "tests/support/sanitizers.h"

namespace pageward::domain {
namespace {

using testing_support::IsReadable;
using testing_support::OpenedForAll;
using testing_support::TestDomains;

// Forks as the runtime's handlers do, and returns the number that `child` returns in the child: 0,
// or which of its expectations did not hold.
template <typename Child>
int Fork(TestDomains& domains, Child child) {
  keys::ThreadState thread = {};
  domains->PrepareFork();
  const pid_t process = ::fork();
  if (process == 0) {
    domains->ChildAfterFork(thread);
    ::_exit(child());
  }
  domains->ParentAfterFork();
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Spec: U31, U5
TEST(DomainsForkTest, AChildFindsNothingOfADomainAndItsHandleSaysSo) {
  if (testing_support::kChildrenMapOnTheirOwn) {
    GTEST_SKIP() << "this sanitizer maps memory of its own in the hole";
  }
  TestDomains domains;
  const Handle handle = domains.Create();
  std::uint8_t* object = domains.Allocate(handle, 100);
  EXPECT_EQ(Fork(domains,
                 [&] {
                   if (IsReadable(object)) {
                     return 1;
                   }
                   if (domains->Describe(handle, nullptr).refusal != Refusal::kGone ||
                       domains.Free(handle, object).refusal != Refusal::kGone) {
                     return 2;
                   }
                   // Its addresses are reserved again: nothing else can be mapped there.
                   os::LinuxOs os;
                   const VirtRange page{
                       VirtAddr(VirtAddr::Of(object).value() & ~std::uint64_t{4095}), 4096};
                   if (os.ReserveHole(page).ok() || domains->counters().lost_in_fork != 1) {
                     return 3;
                   }
                   // And of use to others, once it has been destroyed.
                   if (!domains->Destroy(handle).ok()) {
                     return 4;
                   }
                   const Handle next = domains.Create();
                   std::uint8_t* mine = domains.Allocate(next, 100);
                   const OpenedForAll window(*domains, next);
                   if (mine == nullptr || mine[0] != 0) {
                     return 5;
                   }
                   mine[0] = 1;
                   domains->CheckInvariants();
                   return 0;
                 }),
            0);
  const OpenedForAll window(*domains, handle);
  EXPECT_EQ(object[0], 0) << "the parent's is its own";
}

TEST(DomainsForkTest, ADomainThatIsKeptIsACopyAndClosed) {
  TestDomains domains;
  Options options;
  options.fork = ForkPolicy::kKept;
  const Handle handle = domains.Create(options);
  const Handle other = domains.Create();
  std::uint8_t* object = domains.Allocate(handle, 100);
  std::uint8_t* gone = domains.Allocate(other, 100);
  const OpenedForAll window(*domains, handle);
  object[0] = 7;
  EXPECT_EQ(Fork(domains,
                 [&] {
                   if (IsReadable(object) || IsReadable(gone)) {
                     return 1;
                   }
                   const OpenedForAll mine(*domains, handle);
                   if (object[0] != 7) {
                     return 2;
                   }
                   object[0] = 8;
                   return domains.Free(handle, object).ok() ? 0 : 3;
                 }),
            0);
  EXPECT_EQ(object[0], 7);
}

TEST(DomainsForkTest, AChildOfAChildWorksAsWell) {
  if (testing_support::kChildrenMapOnTheirOwn) {
    GTEST_SKIP() << "this sanitizer maps memory of its own in the hole";
  }
  TestDomains domains;
  const Handle handle = domains.Create();
  ASSERT_NE(domains.Allocate(handle, 100), nullptr);
  EXPECT_EQ(Fork(domains,
                 [&] {
                   const Handle mine = domains.Create();
                   std::uint8_t* object = domains.Allocate(mine, 100);
                   return Fork(domains, [&] {
                     return IsReadable(object) || domains.Create() == Handle{} ? 1 : 0;
                   });
                 }),
            0);
}

}  // namespace
}  // namespace pageward::domain
