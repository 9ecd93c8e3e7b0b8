#include "tests/conformance/space/mermap_conformance.h"

#include "tests/support/space/fake_mermap_subject.h"

namespace pageward::testing_support {
namespace {

std::unique_ptr<MermapSubject> MakeFake() {
  return std::make_unique<FakeMermapSubject>();
}

INSTANTIATE_TEST_SUITE_P(Fake, MermapConformanceTest, testing::Values(&MakeFake));

}  // namespace
}  // namespace pageward::testing_support
