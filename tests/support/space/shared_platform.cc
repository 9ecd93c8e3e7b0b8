#include <atomic>

#include "runtime/space/shared_zone.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"
#include "tests/support/process_keys.h"
#include "tests/support/space/conversion_platform.h"

namespace pageward::testing_support {
namespace {

// The mark is the frame's first byte; writing is tried on another.
constexpr std::uint64_t kTriedByte = 64;

class SharedPlatform final : public ConversionPlatform {
 public:
  ~SharedPlatform() override {
    os_.faults().StopFailing();
    if (zone_.range().bytes > 0) {
      static_cast<void>(os_.Unmap(zone_.range()));
    }
  }

  bool Init(std::uint32_t blocks, os::SharedMemory kind) {
    return zone_.Init(std::uint64_t{blocks} * kPageblockBytes, kind).ok() && zone_.kind() == kind;
  }

  frame::PageblockConverter& converter() override { return zone_; }
  bool IsReadable(FrameNumber frame) override {
    return TryRead(zone_.AddressOf(frame)) == Access::kOk;
  }
  bool IsWritable(FrameNumber frame) override {
    return TryWrite(zone_.AddressOf(frame) + kTriedByte) == Access::kOk;
  }
  char ReadHome(FrameNumber frame) override { return *At(frame); }
  void WriteHome(FrameNumber frame, char mark) override { *At(frame) = mark; }
  char ReadHidden(FrameNumber frame) override {
    const space::FrameView view(zone_, FrameRange{frame, FrameCount(1)});
    return *view.range().begin.AsPointer<volatile char>();
  }
  void WriteHidden(FrameNumber frame, char mark) override {
    const space::FrameView view(zone_, FrameRange{frame, FrameCount(1)});
    *view.range().begin.AsPointer<volatile char>() = mark;
  }
  std::uint32_t changes() override {
    return static_cast<std::uint32_t>(zone_.counters().visibility_changes);
  }
  void FailChange() override {
    os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kTooManyMappings, 1);
  }
  void FailChangeHalfway() override { os_.FailProtectHalfway(); }
  void set_observer(std::function<void()> observer) override {
    os_.set_protect_observer([this, observer = std::move(observer)](VirtRange range) {
      // Views are protected, too; they are no change of a home.
      if (observer && zone_.range().Contains(range.begin)) {
        observer();
      }
    });
  }

 private:
  volatile char* At(FrameNumber frame) const {
    return zone_.AddressOf(frame).AsPointer<volatile char>();
  }

  FaultyOs os_;
  space::SharedZone zone_{os_, ProcessKeys(keys::KeyUse::kIfPresent)};
};

std::unique_ptr<ConversionPlatform> Make(std::uint32_t blocks, os::SharedMemory kind) {
  auto platform = std::make_unique<SharedPlatform>();
  if (!platform->Init(blocks, kind)) {
    return nullptr;
  }
  return platform;
}

}  // namespace

std::unique_ptr<ConversionPlatform> MakeSharedPlatform(std::uint32_t blocks) {
  return Make(blocks, os::SharedMemory::kOrdinary);
}

std::unique_ptr<ConversionPlatform> MakeSecretPlatform(std::uint32_t blocks) {
  return Make(blocks, os::SharedMemory::kSecret);
}

}  // namespace pageward::testing_support
