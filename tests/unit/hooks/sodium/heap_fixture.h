// A guarded heap on real memory whose system calls can be made to fail, and what the kernel says of
// its mappings.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include "hooks/sodium/guarded_heap.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"

namespace pageward::hooks {

/// With guard markers (true) or without.
class GuardedHeapFixture : public testing::TestWithParam<bool> {
 protected:
  using Access = testing_support::Access;
  using Kind = testing_support::FaultInjector::Kind;

  void SetUp() override {
    os_.set_has_guards(GetParam());
    if (GetParam() && os_.ProbeInChild(os::ProbedCall::kGuardInstall) != os::ProbeOutcome::kWorks) {
      GTEST_SKIP() << "this kernel has no guard markers (Linux 6.13)";
    }
    heap_.Prepare(os_, {});
  }
  void TearDown() override {
    heap_.CheckInvariants();
    heap_.Stop();
  }

  char* Allocate(std::size_t bytes) { return static_cast<char*>(heap_.Allocate(bytes)); }

  static Access Read(const char* at) { return testing_support::TryRead(VirtAddr::Of(at)); }
  static Access Write(const char* at) { return testing_support::TryWrite(VirtAddr::Of(at)); }

  static bool IsOutOfReach(const char* at) {
    return Read(at) != Access::kOk && Write(at) != Access::kOk;
  }

  static bool IsFilled(const char* object, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
      if (static_cast<unsigned char>(object[i]) != GuardedHeap::kFill) {
        return false;
      }
    }
    return true;
  }

  /// Mappings that lie in the heap's addresses.
  std::size_t MappingCount() const {
    const VirtRange addresses = heap_.addresses();
    std::ifstream maps("/proc/self/maps");
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
      count += addresses.Contains(VirtAddr(std::stoull(line, nullptr, 16))) ? 1u : 0u;
    }
    return count;
  }

  /// The flags of the mapping at `address`, as smaps writes them: " rd wr lo dd ".
  static std::string FlagsAt(const char* address) {
    std::ifstream smaps("/proc/self/smaps");
    bool is_there = false;
    for (std::string line; std::getline(smaps, line);) {
      const std::size_t dash = line.find('-');
      if (dash != std::string::npos && dash <= 12 && line.find(':') > dash) {
        const VirtAddr begin(std::stoull(line, nullptr, 16));
        const VirtAddr end(std::stoull(line.substr(dash + 1), nullptr, 16));
        is_there = VirtRange{begin, end - begin}.Contains(VirtAddr::Of(address));
      } else if (is_there && line.starts_with("VmFlags:")) {
        return line.substr(8) + " ";
      }
    }
    return "";
  }
  static bool HasFlag(const char* address, const std::string& flag) {
    return FlagsAt(address).find(" " + flag + " ") != std::string::npos;
  }

  testing_support::FaultyOs os_;
  GuardedHeap heap_;
};

inline std::string NameOfMarkers(const testing::TestParamInfo<bool>& info) {
  return info.param ? "Markers" : "ProtectedPages";
}

}  // namespace pageward::hooks
