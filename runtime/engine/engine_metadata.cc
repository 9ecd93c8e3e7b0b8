// Closing, sealing and finding the heap's metadata.
#include <array>
#include <string_view>

#include "runtime/engine/engine.h"
#include "runtime/engine/zone_tables.h"
#include "runtime/keys/gate.h"

namespace pageward::engine {
namespace {

constexpr std::string_view kTableNames[kClosedTableCount] = {
    "the flags of guarded frames",   "the flags of protected frames", "the block records",
    "the leaves of the frame table", "the links of table pages",      "the counts of table pages",
    "the classes of objects"};

// Whether pages that can be written count, touched or not. Source: Documentation/mm/
// overcommit-accounting.rst of Linux.
bool PromisesOnlyWhatThereIs(os::Os& os) {
  std::array<char, 8> mode{};
  const Result<std::size_t> read = os.ReadFile("/proc/sys/vm/overcommit_memory", mode);
  return !read.ok() || *read == 0 || mode[0] == '2';
}

// The pageblock of leaves that this thread has last asked about.
constinit thread_local MetadataPart t_found_leaves = {};

}  // namespace

void Engine::NameTables() {
  for (unsigned i = 0; i < kClosedTableCount; ++i) {
    metadata_[metadata_count_++] = MetadataPart{reservation_.table(i), kTableNames[i]};
  }
}

Status Engine::CloseRanges(std::span<const MetadataPart> others, arch::Pkey key) {
  // Once: a second try finds them in use.
  if (!are_tables_closed_) {
    if (const Status closed = reservation_.CloseTables(*os_, 0, kClosedTableCount, key);
        !closed.ok()) {
      return closed;
    }
    are_tables_closed_ = true;
  }
  for (const MetadataPart& part : others) {
    const Status closed = os_->ProtectWithKey(part.range, part.protection, key);
    if (!closed.ok()) {
      return closed;
    }
  }
  return CloseLeafPages(key);
}

Status Engine::CloseLeafPages(arch::Pkey key) {
  if (!leaf_pages_.IsMade()) {
    return Status();  // They lie in a table.
  }
  space::TablePool& pool = leaf_pages_->pool();
  if (!pool.key()) {
    if (const Status given = pool.UseKey(key); !given.ok()) {
      return given;
    }
  }
  // From the first split on there has to be a page for it.
  return pool.Prepare();
}

Status Engine::CloseMetadata(std::span<const MetadataPart> others) {
  PW_ASSERT(!metadata_key_ && metadata_count_ + others.size() <= kMostMetadataParts);
  const Result<arch::Pkey> key = keys_->KeyFor(keys::KeyBroker::Purpose::kMetadata);
  if (!key.ok()) {
    return key.error();
  }
  if (const Status closed = keys::CloseMetadata(*os_, *key); !closed.ok()) {
    return closed;
  }
  // This object may lie in what is being closed.
  const keys::Gate gate;
  if (const Status closed = CloseRanges(others, *key); !closed.ok()) {
    // What has the key by now is left with it: whoever writes it does so inside the gate, which
    // opens that key for as long as the process lives.
    return closed;
  }
  for (const MetadataPart& part : others) {
    metadata_[metadata_count_++] = part;
  }
  metadata_key_ = *key;
  return Status();
}

Status Engine::SealParts(std::span<const VirtRange> parts) {
  PW_ASSERT(metadata_key_);
  if (os_->IsFiltered() && os_->ProbeInChild(os::ProbedCall::kMseal) != os::ProbeOutcome::kWorks) {
    return Error::kUnsupported;
  }
  for (const VirtRange& part : parts) {
    if (const Status sealed = os_->Seal(part); !sealed.ok()) {
      return sealed;
    }
  }
  return Status();
}

Status Engine::SealTables() {
  PW_ASSERT(metadata_key_ && !is_metadata_sealed_);
  if (PromisesOnlyWhatThereIs(*os_)) {
    return Error::kUnsupported;
  }
  if (const Status sealed = zone_->SealTables(0, kClosedTableCount); !sealed.ok()) {
    return sealed;
  }
  if (leaf_pages_.IsMade()) {
    if (const Status sealed = leaf_pages_->pool().Seal(); !sealed.ok()) {
      return sealed;
    }
  }
  is_metadata_sealed_ = true;
  return Status();
}

const MetadataPart* Engine::FindMetadata(VirtAddr address) {
  for (std::size_t i = 0; i < metadata_count_; ++i) {
    if (metadata_[i].range.Contains(address)) {
      return &metadata_[i];
    }
  }
  if (!leaf_pages_.IsMade()) {
    return nullptr;  // They lie in a table, or there is no heap.
  }
  const VirtRange zone = zone_->range();
  if (!zone.Contains(address)) {
    return nullptr;
  }
  const std::uint64_t offset = (address - zone.begin) / kPageblockBytes * kPageblockBytes;
  const auto frame = FrameNumber(static_cast<std::uint32_t>(offset >> kFrameBytesLog2));
  if (!leaf_pages_->pool().Owns(frame)) {
    return nullptr;
  }
  t_found_leaves = MetadataPart{VirtRange{zone.begin + offset, kPageblockBytes},
                                kTableNames[kLeaves], os::Protection::kReadWrite};
  return &t_found_leaves;
}

std::uint64_t Engine::ClosedDataBytes() const {
  std::uint64_t bytes = 0;
  for (const MetadataPart& part : std::span(metadata_, metadata_key_ ? metadata_count_ : 0)) {
    bytes += part.protection == os::Protection::kReadWrite ? part.range.bytes : 0;
  }
  return bytes;
}

std::uint64_t Engine::OpenTableBytes() {
  return zone_->CommittedTableBytes(kClosedTableCount, kTableCount);
}

std::uint64_t Engine::ClosedTableBytes() {
  if (!metadata_key_) {
    return 0;
  }
  return zone_->CommittedTableBytes(0, kClosedTableCount) +
         (leaf_pages_.IsMade() ? leaf_pages_->pool().bytes() : 0);
}

}  // namespace pageward::engine
