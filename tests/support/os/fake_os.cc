#include "tests/support/os/fake_os.h"

#include "runtime/core/bits.h"

namespace pageward::testing_support {

using os::Descriptor;
using os::Protection;

std::optional<FakeOs::Attributes> FakeOs::At(VirtAddr address) const {
  auto next = mappings_.upper_bound(address.value());
  if (next == mappings_.begin()) {
    return std::nullopt;
  }
  --next;
  if (address.value() >= next->second.end) {
    return std::nullopt;
  }
  return next->second.attributes;
}

bool FakeOs::IsReadable(VirtAddr address) const {
  const std::optional<Attributes> at = At(address);
  return at && at->protection != Protection::kNone && at->key == 0 &&
         !guarded_.contains(PageOf(address));
}

bool FakeOs::IsWritable(VirtAddr address) const {
  return IsReadable(address) && At(address)->protection == Protection::kReadWrite;
}

void FakeOs::Touch(VirtAddr address) {
  PW_CHECK(IsWritable(address), Violation::kInvariant, address.value());
  dirty_.insert(PageOf(address));
  backed_.insert(PageOf(address));
}

bool FakeOs::IsMapped(VirtRange range) const {
  std::uint64_t at = range.begin.value();
  while (at < range.end().value()) {
    auto next = mappings_.upper_bound(at);
    if (next == mappings_.begin()) {
      return false;
    }
    --next;
    if (at >= next->second.end) {
      return false;
    }
    at = next->second.end;
  }
  return true;
}

bool FakeOs::IsSealed(VirtRange range) const {
  for (const auto& [begin, mapping] : mappings_) {
    if (begin < range.end().value() && mapping.end > range.begin.value() &&
        mapping.attributes.is_sealed) {
      return true;
    }
  }
  return false;
}

void FakeOs::SplitAt(std::uint64_t address) {
  auto next = mappings_.upper_bound(address);
  if (next == mappings_.begin()) {
    return;
  }
  --next;
  if (next->first == address || next->second.end <= address) {
    return;
  }
  mappings_[address] = next->second;
  next->second.end = address;
}

void FakeOs::Merge() {
  for (auto it = mappings_.begin(); it != mappings_.end();) {
    const auto next = std::next(it);
    if (next != mappings_.end() && it->second.end == next->first &&
        it->second.attributes == next->second.attributes) {
      it->second.end = next->second.end;
      mappings_.erase(next);
    } else {
      it = next;
    }
  }
}

void FakeOs::Replace(VirtRange range, const Attributes& attributes) {
  SplitAt(range.begin.value());
  SplitAt(range.end().value());
  mappings_.erase(mappings_.lower_bound(range.begin.value()),
                  mappings_.lower_bound(range.end().value()));
  mappings_[range.begin.value()] = Mapping{range.end().value(), attributes};
  Merge();
}

template <typename Change>
Status FakeOs::ChangeAll(VirtRange range, Change change) {
  PW_CHECK(IsMapped(range), Violation::kUnexpectedErrno, range.begin.value());
  if (IsSealed(range)) {
    return Error::kNotPermitted;
  }
  SplitAt(range.begin.value());
  SplitAt(range.end().value());
  const auto end = mappings_.lower_bound(range.end().value());
  for (auto it = mappings_.lower_bound(range.begin.value()); it != end; ++it) {
    change(it->second.attributes);
  }
  Merge();
  return Status();
}

void FakeOs::DropPages(VirtRange range) {
  const std::uint64_t begin = PageOf(range.begin);
  const std::uint64_t end = PageOf(range.end());
  dirty_.erase(dirty_.lower_bound(begin), dirty_.lower_bound(end));
  backed_.erase(backed_.lower_bound(begin), backed_.lower_bound(end));
}

VirtRange FakeOs::Take(std::uint64_t bytes, std::uint64_t alignment) {
  const VirtRange range{VirtAddr(AlignUp(next_address_, alignment)), bytes};
  // A gap, as the kernel rarely places two mappings of ours side by side.
  next_address_ = range.end().value() + (std::uint64_t{1} << 21);
  address_space_left_ -= bytes;
  return range;
}

Result<VirtRange> FakeOs::Reserve(std::uint64_t bytes, std::uint64_t alignment) {
  PW_ASSERT(IsPowerOfTwo(alignment) && bytes > 0 && bytes % 4096 == 0);
  if (const auto error = Count(Kind::kReserve)) {
    return *error;
  }
  if (bytes > address_space_left_) {
    return Error::kNoAddressSpace;
  }
  const VirtRange range = Take(bytes, alignment);
  Replace(range, Attributes{});
  return range;
}

Result<VirtRange> FakeOs::MapZeroed(std::uint64_t bytes) {
  if (const auto error = Count(Kind::kMap)) {
    return *error;
  }
  if (bytes > address_space_left_) {
    return Error::kNoAddressSpace;
  }
  const VirtRange range = Take(bytes, 4096);
  Replace(range, Attributes{.protection = Protection::kReadWrite});
  return range;
}

Status FakeOs::Unmap(VirtRange range) {
  if (const auto error = Count(Kind::kUnmap)) {
    return *error;
  }
  if (IsSealed(range)) {
    return Error::kNotPermitted;
  }
  SplitAt(range.begin.value());
  SplitAt(range.end().value());
  mappings_.erase(mappings_.lower_bound(range.begin.value()),
                  mappings_.lower_bound(range.end().value()));
  DropPages(range);
  address_space_left_ += range.bytes;
  return Status();
}

Status FakeOs::Protect(VirtRange range, Protection protection) {
  if (const auto error = Count(Kind::kProtect)) {
    return *error;
  }
  return ChangeAll(range, [&](Attributes& a) { a.protection = protection; });
}

Status FakeOs::ProtectWithKey(VirtRange range, Protection protection, arch::Pkey key) {
  if (const auto error = Count(Kind::kProtect)) {
    return *error;
  }
  PW_CHECK(key == arch::kDefaultPkey || keys_.contains(key.value()), Violation::kUnexpectedErrno,
           key.value());
  return ChangeAll(range, [&](Attributes& a) {
    a.protection = protection;
    a.key = keys_are_fake_ ? 0 : key.value();
  });
}

Result<arch::Pkey> FakeOs::AllocateKey(arch::KeyAccess) {
  if (const auto error = Count(Kind::kKey)) {
    return *error;
  }
  for (unsigned key = 1; key <= key_limit_; ++key) {
    if (keys_.insert(key).second) {
      return arch::Pkey(key);
    }
  }
  return Error::kNoKeys;
}

void FakeOs::FreeKey(arch::Pkey key) {
  for (const auto& [begin, mapping] : mappings_) {
    PW_CHECK(mapping.attributes.key != key.value(), Violation::kProtection, begin);
  }
  PW_CHECK(keys_.erase(key.value()) == 1, Violation::kUnexpectedErrno, key.value());
}

Status FakeOs::Seal(VirtRange range) {
  if (const auto error = Count(Kind::kSeal)) {
    return *error;
  }
  return ChangeAll(range, [](Attributes& a) { a.is_sealed = true; });
}

Status FakeOs::Discard(VirtRange range) {
  if (const auto error = Count(Kind::kDiscard)) {
    return *error;
  }
  PW_CHECK(IsMapped(range), Violation::kUnexpectedErrno, range.begin.value());
  if (At(range.begin)->is_locked) {
    return Error::kUnsupported;
  }
  DropPages(range);
  return Status();
}

Status FakeOs::DiscardLazily(VirtRange range) {
  if (const auto error = Count(Kind::kDiscard)) {
    return *error;
  }
  PW_CHECK(IsMapped(range), Violation::kUnexpectedErrno, range.begin.value());
  return Status();
}

Status FakeOs::InstallGuard(VirtRange range) {
  if (const auto error = Count(Kind::kGuard)) {
    return *error;
  }
  if (!has_guards_) {
    return Error::kUnsupported;
  }
  PW_CHECK(IsMapped(range), Violation::kUnexpectedErrno, range.begin.value());
  DropPages(range);
  for (std::uint64_t page = PageOf(range.begin); page < PageOf(range.end()); ++page) {
    guarded_.insert(page);
  }
  return Status();
}

Status FakeOs::RemoveGuard(VirtRange range) {
  if (const auto error = Count(Kind::kGuard)) {
    return *error;
  }
  if (!has_guards_) {
    return Error::kUnsupported;
  }
  PW_CHECK(IsMapped(range), Violation::kUnexpectedErrno, range.begin.value());
  guarded_.erase(guarded_.lower_bound(PageOf(range.begin)),
                 guarded_.lower_bound(PageOf(range.end())));
  return Status();
}

Status FakeOs::Populate(VirtRange range) {
  if (const auto error = Count(Kind::kPopulate)) {
    return *error;
  }
  for (std::uint64_t page = PageOf(range.begin); page < PageOf(range.end()); ++page) {
    if (!IsWritable(VirtAddr(page << 12))) {
      return Error::kNoMemory;
    }
    backed_.insert(page);
  }
  return Status();
}

Status FakeOs::Advise(VirtRange range, os::HugePages pages) {
  if (const auto error = Count(Kind::kAdvise)) {
    return *error;
  }
  return ChangeAll(
      range, [&](Attributes& a) { a.prefers_huge_pages = pages == os::HugePages::kPreferred; });
}

Status FakeOs::ExcludeFromDump(VirtRange range) {
  if (const auto error = Count(Kind::kAdvise)) {
    return *error;
  }
  return ChangeAll(range, [](Attributes& a) { a.is_dumped = false; });
}

Status FakeOs::ExcludeFromFork(VirtRange range) {
  if (const auto error = Count(Kind::kAdvise)) {
    return *error;
  }
  return ChangeAll(range, [](Attributes& a) { a.is_inherited = false; });
}

Status FakeOs::LockInMemory(VirtRange range) {
  if (const auto error = Count(Kind::kLock)) {
    return *error;
  }
  for (std::uint64_t page = PageOf(range.begin); page < PageOf(range.end()); ++page) {
    backed_.insert(page);
  }
  return Status();
}

Status FakeOs::IncludeInDump(VirtRange range) {
  if (const auto error = Count(Kind::kAdvise)) {
    return *error;
  }
  return ChangeAll(range, [](Attributes& a) { a.is_dumped = true; });
}

Status FakeOs::IncludeInFork(VirtRange range) {
  if (const auto error = Count(Kind::kAdvise)) {
    return *error;
  }
  return ChangeAll(range, [](Attributes& a) { a.is_inherited = true; });
}

Status FakeOs::LockWhenTouched(VirtRange range) {
  if (const auto error = Count(Kind::kLock)) {
    return *error;
  }
  return ChangeAll(range, [](Attributes& a) { a.is_locked = true; });
}

void FakeOs::Unlock(VirtRange range) {
  PW_CHECK(ChangeAll(range, [](Attributes& a) { a.is_locked = false; }).ok(),
           Violation::kUnexpectedErrno, range.begin.value());
}

Status FakeOs::SynchronizeThreads() {
  if (const auto error = Count(Kind::kSynchronize)) {
    return *error;
  }
  return Status();
}

Status FakeOs::Mark(VirtRange range, os::MappingMark mark) {
  if (const auto error = Count(Kind::kAdvise)) {
    return *error;
  }
  return ChangeAll(range, [&](Attributes& a) { a.mark = mark; });
}

void FakeOs::Name(VirtRange, const char*) {}

Result<Descriptor> FakeOs::CreateShared(os::SharedMemory, std::uint64_t bytes) {
  if (const auto error = Count(Kind::kShared)) {
    return *error;
  }
  const Descriptor descriptor{next_descriptor_++};
  descriptors_[descriptor.value] = bytes;
  return descriptor;
}

Status FakeOs::MapShared(Descriptor memory, VirtRange at, Protection protection) {
  if (const auto error = Count(Kind::kShared)) {
    return *error;
  }
  PW_CHECK(descriptors_.contains(memory.value), Violation::kUnexpectedErrno, memory.value);
  Replace(at, Attributes{.protection = protection, .is_shared = true});
  return Status();
}

void FakeOs::Close(Descriptor descriptor) {
  PW_CHECK(descriptors_.erase(descriptor.value) == 1, Violation::kUnexpectedErrno,
           descriptor.value);
}

Status FakeOs::Alias(VirtRange home, VirtRange at) {
  if (const auto error = Count(Kind::kAlias)) {
    return *error;
  }
  const std::optional<Attributes> attributes = At(home.begin);
  PW_CHECK(attributes && attributes->is_shared, Violation::kUnexpectedErrno, home.begin.value());
  Replace(at, *attributes);
  return Status();
}

Status FakeOs::ReserveAgain(VirtRange range) {
  if (const auto error = Count(Kind::kShared)) {
    return *error;
  }
  DropPages(range);
  Replace(range, Attributes{});
  return Status();
}

Status FakeOs::ReserveHole(VirtRange range) {
  if (const auto error = Count(Kind::kReserve)) {
    return *error;
  }
  for (std::uint64_t page = range.begin.value(); page < range.end().value(); page += 4096) {
    if (At(VirtAddr(page))) {
      return Error::kInUse;
    }
  }
  Replace(range, Attributes{});
  return Status();
}

void FakeOs::GetRandom(std::span<std::byte> bytes) {
  for (std::byte& byte : bytes) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    byte = static_cast<std::byte>(random_);
  }
}

Result<std::size_t> FakeOs::ReadFile(const char*, std::span<char>) {
  return Error::kUnsupported;
}

// No program has opened anything here.
Result<std::size_t> FakeOs::Read(Descriptor, std::span<std::byte>) {
  return Error::kInvalid;
}

void FakeOs::Write(Descriptor, std::string_view text) {
  written_ += text;
}

os::ProbeOutcome FakeOs::ProbeInChild(os::ProbedCall call) {
  if (killed_call_ == call) {
    return os::ProbeOutcome::kKilled;
  }
  return call == os::ProbedCall::kGuardInstall && !has_guards_ ? os::ProbeOutcome::kRefused
                                                               : os::ProbeOutcome::kWorks;
}

}  // namespace pageward::testing_support
