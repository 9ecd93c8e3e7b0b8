// The rules of ephemeral views, kept by the views of simulated processors: real entries in the
// mm-local region, real translations that go stale, and a key that only who has a view has open.
#include "tests/conformance/space/mermap_conformance.h"
#include "tests/support/sim/sim_mermap_subject.h"

namespace pageward::testing_support {
namespace {

std::unique_ptr<MermapSubject> MakeSimulated() {
  return std::make_unique<SimMermapSubject>();
}

INSTANTIATE_TEST_SUITE_P(Simulated, MermapConformanceTest, testing::Values(&MakeSimulated));

}  // namespace
}  // namespace pageward::testing_support
