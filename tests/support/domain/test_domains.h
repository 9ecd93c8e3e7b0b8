// Domains on real memory whose system calls can be made to fail. Without keys, which a process has
// too few of for as many cases; what keys do is tested in tests/library.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/domain/domains.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"

namespace pageward::testing_support {

class PublishedToNobody final : public domain::PublishedRights {
 public:
  Status Publish(const std::uint64_t* residents, std::uint32_t bits) override {
    residents_ = residents;
    bits_ = bits;
    return Status();
  }

  const std::uint64_t* residents_ = nullptr;
  std::uint32_t bits_ = 0;
};

class TestDomains {
 public:
  TestDomains() {
    const domain::Domains::Sizes sizes{.most_zone_bytes = std::uint64_t{4} << 30,
                                       .least_zone_bytes = std::uint64_t{64} << 20};
    made_ = domains_.Init(sizes, std::nullopt);
  }
  ~TestDomains() { static_cast<void>(os_.Unmap(domains_.lists())); }

  bool IsMade() const { return made_.ok(); }
  FaultyOs& os() { return os_; }
  domain::Domains& operator*() { return domains_; }
  domain::Domains* operator->() { return &domains_; }

  domain::Handle Create(const domain::Options& options = {}) {
    const auto handle = domains_.Create(options);
    return handle.ok() ? *handle : domain::Handle{};
  }

  /// An object, or null.
  std::uint8_t* Allocate(domain::Handle handle, std::uint64_t bytes, std::uint64_t alignment = 16) {
    VirtAddr object;
    const auto outcome = domains_.Allocate(handle, bytes, alignment, &object);
    return outcome.ok() ? object.AsPointer<std::uint8_t>() : nullptr;
  }
  domain::Outcome Free(domain::Handle handle, const void* object) {
    return domains_.Free(handle, VirtAddr::Of(object));
  }

 private:
  FaultyOs os_;
  keys::KeyBroker broker_{os_, keys::KeyUse::kNever};
  PublishedToNobody published_;
  domain::Domains domains_{os_, broker_, published_};
  Status made_;
};

/// Opens a domain for everybody, for a scope.
class OpenedForAll {
 public:
  OpenedForAll(domain::Domains& domains, domain::Handle handle,
               domain::Access access = domain::Access::kReadWrite)
      : domains_(domains), handle_(handle), access_(access) {
    keys::ThreadState nobody = {};
    std::optional<arch::Pkey> key;
    is_open_ = domains_.Open(handle, access, nobody, &key).ok();
  }
  ~OpenedForAll() {
    if (is_open_) {
      static_cast<void>(domains_.CloseForAll(handle_, access_));
    }
  }
  OpenedForAll(const OpenedForAll&) = delete;
  OpenedForAll& operator=(const OpenedForAll&) = delete;

  bool IsOpen() const { return is_open_; }

 private:
  domain::Domains& domains_;
  domain::Handle handle_;
  domain::Access access_;
  bool is_open_ = false;
};

inline bool IsReadable(const void* address) {
  return TryRead(VirtAddr::Of(address)) == Access::kOk;
}

}  // namespace pageward::testing_support
