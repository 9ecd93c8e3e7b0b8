// A zone with everything that runs need, on the real system.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>

#include "runtime/extent/run_allocator.h"
#include "tests/support/frame/fake_converter.h"
#include "tests/support/frame/fake_leaf_source.h"
#include "tests/support/os/faulty_os.h"
#include "tests/support/process_keys.h"

namespace pageward::testing_support {

/// Runs of one zone; it goes with the object.
class RunZone {
 public:
  static constexpr std::uint64_t kBytes = std::uint64_t{8} << 30;

  RunZone(FaultyOs& os, const extent::RunAllocator::Options& options, std::uint64_t bytes = kBytes)
      : os_(os),
        reservation_(*space::ZoneReservation::Make(os, bytes, bytes, kTables)),
        zone_(os, ProcessKeys(keys::KeyUse::kIfPresent), reservation_, 0, 1, {}),
        frames_(std::span(reservation_.table(2).begin.AsPointer<frame::BlockRecord>(),
                          reservation_.block_count()),
                {leaves_, converter_, nullptr}),
        runs_(zone_, frames_, options) {}
  ~RunZone() {
    os_.faults().StopFailing();
    EXPECT_TRUE(os_.Unmap(reservation_.whole()).ok());
  }
  RunZone(const RunZone&) = delete;
  RunZone& operator=(const RunZone&) = delete;

  extent::RunAllocator& runs() { return runs_; }
  frame::PageAllocator& frames() { return frames_; }
  space::PrivateZone& zone() { return zone_; }
  FakeLeafSource& leaves() { return leaves_; }

 private:
  static constexpr std::uint32_t kTables[] = {
      space::PrivateZone::kFlagBytes, space::PrivateZone::kFlagBytes, sizeof(frame::BlockRecord)};

  FaultyOs& os_;
  space::ZoneReservation reservation_;
  space::PrivateZone zone_;
  FakeLeafSource leaves_;
  FakeConverter converter_{1};
  frame::PageAllocator frames_;
  extent::RunAllocator runs_;
};

}  // namespace pageward::testing_support
