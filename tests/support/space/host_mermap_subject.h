// Ephemeral views of a thread of this process, for the conformance suite.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/arch/cpu.h"
#include "runtime/keys/handler_context.h"
#include "runtime/space/host_views.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"
#include "tests/support/process_keys.h"
#include "tests/support/space/mermap_subject.h"

namespace pageward::testing_support {

/// Views of real shared memory, all of which is out of its home mapping. Like the kernel's, a view
/// that was put is not shown again, unless that is asked for.
class HostMermapSubject final : public MermapSubject {
 public:
  static constexpr std::uint32_t kBlocks = 4;
  static constexpr std::uint32_t kFrames = kBlocks * kPageblockFrames;

  explicit HostMermapSubject(space::ViewReuse reuse = space::ViewReuse::kNever,
                             os::SharedMemory memory = os::SharedMemory::kOrdinary,
                             std::uint32_t most_mappings = 4096,
                             keys::KeyUse use = keys::KeyUse::kIfPresent)
      : keys_(ProcessKeys(use)), budget_(most_mappings), views_(commons(), reuse) {
    if (!zone_.Init(std::uint64_t{kBlocks} * kPageblockBytes, memory).ok()) {
      throw std::runtime_error("no shared memory");
    }
    for (std::uint32_t i = 0; i < kFrames; ++i) {
      const std::uint64_t content = ContentOf(frame(i));
      std::memcpy(zone_.AddressOf(frame(i)).AsPointer(), &content, sizeof(content));
    }
    const BlockRange all{BlockNumber(0), kBlocks};
    if (!zone_.SetVisibility(all, frame::Freetype::Unmapped()).ok()) {
      throw std::runtime_error("the memory stays mapped");
    }
  }
  ~HostMermapSubject() override {
    os_.faults().StopFailing();
    views_.TearDown();
    static_cast<void>(os_.Unmap(zone_.range()));
  }

  FaultyOs& os() { return os_; }
  space::SharedZone& zone() { return zone_; }
  space::HostViews& views() { return views_; }
  space::WindowKeys& windows() { return windows_; }
  space::ViewBudget& budget() { return budget_; }
  space::HostViews::Commons commons() { return {os_, zone_, keys_, windows_, budget_, stale_}; }

  // MermapSubject
  Status Prepare() override { return views_.Prepare(); }
  void FailNextPreparation() override { os_.faults().FailNthCall(0, Error::kNoMemory); }
  std::uint64_t preparations() override { return views_.preparations(); }
  space::MermapRegion& region() override { return views_.region(); }
  space::StaleFrames& stale() override { return stale_; }
  FrameNumber frame(std::uint32_t index) override { return FrameNumber(index); }
  std::uint64_t ContentOf(FrameNumber frame) override { return 0x5ec'0000'0001u + frame.value; }
  // A mapping is two system calls, however many pages it has.
  void FailNextMapping(std::uint32_t pages) override {
    os_.faults().FailNthCall(pages % 2, Error::kTooManyMappings);
  }
  std::uint64_t pins() override { return views_.pins(); }
  std::uint64_t flushes() override { return views_.flushes(); }
  std::uint64_t allocations() override {
    const auto& faults = os_.faults();
    return faults.CallsOf(FaultyOs::Kind::kMap) + faults.CallsOf(FaultyOs::Kind::kReserve);
  }
  void EnterInterrupt() override { handler_ = std::make_unique<keys::HandlerScope>(); }
  void LeaveInterrupt() override { handler_.reset(); }

  std::optional<std::uint64_t> Read(VirtAddr at) override { return ReadWord(at); }
  std::optional<std::uint64_t> Probe(VirtAddr at) override {
    if (HasPrivateViews()) {
      const arch::Pkru before = arch::ReadPkru();
      arch::Pkru open = before;
      for (unsigned i = 0; i < windows_.count(); ++i) {
        open = open.With(windows_.key(i), arch::KeyAccess::kReadWrite);
      }
      arch::WritePkru(open);
      const auto word = ReadWord(at);
      arch::WritePkru(before);
      return word;
    }
    if (const auto word = ReadWord(at)) {
      return word;
    }
    // What is left of a view is closed by its protection. A reservation shows nothing but zeros.
    const VirtRange page{VirtAddr(at.value() & ~std::uint64_t{kFrameBytes - 1}), kFrameBytes};
    if (!real_os_.Protect(page, os::Protection::kRead).ok()) {
      return std::nullopt;
    }
    const auto word = ReadWord(at);
    static_cast<void>(real_os_.Protect(page, os::Protection::kNone));
    return word == 0u ? std::nullopt : word;
  }
  bool Write(VirtAddr at, std::uint64_t word) override {
    return TryWrite(at, static_cast<std::uint8_t>(word)) == Access::kOk;
  }
  std::optional<std::uint64_t> ReadElsewhere(VirtAddr at) override {
    std::optional<std::uint64_t> word;
    std::thread([&] {
      if (arch::HasOspke()) {
        arch::WritePkru(arch::kInitialPkru);  // A thread is born with the rights of its parent.
      }
      word = ReadWord(at);
    }).join();
    return word;
  }
  std::optional<std::uint64_t> ReadInAnotherSpace(VirtAddr at) override {
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(Probe(at) ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status == 0 ? std::nullopt : std::optional(std::uint64_t{1});
  }
  bool IsAnythingOpen() override {
    if (!HasPrivateViews()) {
      for (std::uint64_t offset = 0; offset < region().range().bytes; offset += kFrameBytes) {
        if (real_os_.CanRead(region().range().begin + offset)) {
          return true;
        }
      }
      return false;
    }
    for (unsigned i = 0; i < windows_.count(); ++i) {
      if (arch::ReadPkru().AccessOf(windows_.key(i)) != arch::KeyAccess::kNone) {
        return true;
      }
    }
    return false;
  }
  bool HasPrivateViews() override { return windows_.count() > 0; }

 private:
  static std::optional<std::uint64_t> ReadWord(VirtAddr at) {
    if (TryRead(at) != Access::kOk) {
      return std::nullopt;
    }
    return *at.AsPointer<volatile std::uint64_t>();
  }

  FaultyOs os_;
  os::LinuxOs real_os_;
  keys::KeyBroker& keys_;
  space::SharedZone zone_{os_, keys_};
  space::WindowKeys windows_{os_, keys_};
  space::ViewBudget budget_;
  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(kFrames);
  space::StaleFrames stale_{counts_};
  space::HostViews views_;
  std::unique_ptr<keys::HandlerScope> handler_;
};

}  // namespace pageward::testing_support
