// The rules of ephemeral views, kept by those of a thread of this process: real mappings of real
// shared memory, closed by a key where there are keys, and by their protection where there are
// none.
#include "tests/conformance/space/mermap_conformance.h"
#include "tests/support/space/host_mermap_subject.h"

namespace pageward::testing_support {
namespace {

std::unique_ptr<MermapSubject> MakeHost() {
  return std::make_unique<HostMermapSubject>();
}

INSTANTIATE_TEST_SUITE_P(Host, MermapConformanceTest, testing::Values(&MakeHost));

}  // namespace
}  // namespace pageward::testing_support
