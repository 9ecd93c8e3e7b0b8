#include "hooks/jemalloc/metadata_area.h"

#include <sys/mman.h>

#include <cerrno>

#include "runtime/core/bits.h"
#include "runtime/core/units.h"

namespace pageward::hooks {
namespace {

constinit MetadataArea g_area;

}  // namespace

MetadataArea& JemallocMetadata() {
  return g_area;
}

Status MetadataArea::Init(os::Os& os) {
  os_ = &os;
  for (std::uint64_t bytes = kReservedBytes; bytes >= 16 * kStepBytes; bytes /= 2) {
    const Result<VirtRange> reserved = os.Reserve(bytes, kPageblockBytes);
    if (reserved.ok()) {
      MutexLock lock(mutex_);
      reserved_ = *reserved;
      next_ = reserved->begin;
      usable_end_ = reserved->begin;
      return Status();
    }
  }
  return Error::kNoAddressSpace;
}

Status MetadataArea::MakeUsableUpTo(VirtAddr end) {
  if (end <= usable_end_) {
    return Status();
  }
  const std::uint64_t missing = AlignUp(end - usable_end_, kStepBytes);
  const std::uint64_t left = reserved_.end() - usable_end_;
  const VirtRange step{usable_end_, missing < left ? missing : left};
  if (!is_open_whole_) {
    if (const Status status = os_->Protect(step, os::Protection::kReadWrite); !status.ok()) {
      return status;
    }
  }
  usable_end_ = step.end();
  return Status();
}

Result<VirtRange> MetadataArea::TakeKept(std::uint64_t bytes, std::uint64_t alignment) {
  for (std::size_t i = 0; i < kept_count_; ++i) {
    const VirtRange kept = kept_[i];
    const VirtAddr begin(AlignUp(kept.begin.value(), alignment));
    if (begin + bytes > kept.end()) {
      continue;
    }
    kept_[i] = kept_[--kept_count_];
    const VirtRange before{kept.begin, begin - kept.begin};
    const VirtRange after{begin + bytes, kept.end() - (begin + bytes)};
    Keep(before);
    Keep(after);
    return VirtRange{begin, bytes};
  }
  return Error::kNoAddressSpace;
}

void MetadataArea::Keep(VirtRange range) {
  if (range.bytes == 0) {
    return;
  }
  for (std::size_t i = 0; i < kept_count_; ++i) {
    if (kept_[i].end() == range.begin || range.end() == kept_[i].begin) {
      const VirtAddr begin = kept_[i].begin < range.begin ? kept_[i].begin : range.begin;
      const VirtRange joined{begin, kept_[i].bytes + range.bytes};
      kept_[i] = kept_[--kept_count_];
      Keep(joined);
      return;
    }
  }
  if (kept_count_ < kMostKept) {
    kept_[kept_count_++] = range;
  }
  // Else the addresses are lost, not the memory: its pages have been given back. jemalloc returns
  // metadata so rarely that this has not been seen.
}

Result<VirtRange> MetadataArea::Map(std::uint64_t bytes) {
  PW_ASSERT(bytes > 0 && bytes % kFrameBytes == 0);
  const std::uint64_t alignment = bytes >= kPageblockBytes ? kPageblockBytes : kFrameBytes;
  MutexLock lock(mutex_);
  if (const Result<VirtRange> kept = TakeKept(bytes, alignment); kept.ok()) {
    used_bytes_ += bytes;
    return kept;
  }
  const VirtAddr begin(AlignUp(next_.value(), alignment));
  if (bytes > reserved_.end() - next_ || begin + bytes > reserved_.end()) {
    return Error::kNoAddressSpace;
  }
  if (const Status status = MakeUsableUpTo(begin + bytes); !status.ok()) {
    return status.error();
  }
  const VirtRange skipped{next_, begin - next_};
  next_ = begin + bytes;
  Keep(skipped);
  used_bytes_ += bytes;
  if constexpr (PW_CHECK_LEVEL >= 2) {
    CheckLocked();
  }
  return VirtRange{begin, bytes};
}

Status MetadataArea::OpenWhole() {
  MutexLock lock(mutex_);
  const Status opened = os_->Protect(reserved_, os::Protection::kReadWrite);
  is_open_whole_ = opened.ok();
  return opened;
}

void MetadataArea::Unmap(VirtRange range) {
  PW_CHECK(reserved_.Contains(range.begin) && range.end() <= reserved_.end(),
           Violation::kForeignPointer, range.begin.value());
  // What is handed out again must be zero.
  const Status discarded = os_->Discard(range);
  if (!discarded.ok()) {
    __builtin_memset(range.begin.AsPointer(), 0, range.bytes);
  }
  MutexLock lock(mutex_);
  used_bytes_ -= range.bytes;
  Keep(range);
  if constexpr (PW_CHECK_LEVEL >= 2) {
    CheckLocked();
  }
}

std::uint64_t MetadataArea::used_bytes() const {
  MutexLock lock(mutex_);
  return used_bytes_;
}

std::uint64_t MetadataArea::usable_bytes() const {
  MutexLock lock(mutex_);
  return usable_end_ - reserved_.begin;
}

void MetadataArea::CheckInvariants() const {
  MutexLock lock(mutex_);
  CheckLocked();
}

void MetadataArea::CheckLocked() const {
  PW_CHECK(next_ <= usable_end_ && usable_end_ <= reserved_.end(), Violation::kInvariant, 2);
  for (std::size_t i = 0; i < kept_count_; ++i) {
    const VirtRange kept = kept_[i];
    PW_CHECK(kept.begin >= reserved_.begin && kept.end() <= next_ &&
                 kept.bytes % kFrameBytes == 0 && kept.bytes > 0,
             Violation::kInvariant, 1);
    for (std::size_t j = i + 1; j < kept_count_; ++j) {
      PW_CHECK(kept.end() <= kept_[j].begin || kept_[j].end() <= kept.begin, Violation::kInvariant,
               1);
    }
  }
}

}  // namespace pageward::hooks

// What jemalloc calls instead of libc (redefine_symbols.txt). They follow libc's conventions.
extern "C" {

void* pageward_jemalloc_mmap(void* address, std::size_t bytes, int protection, int flags, int,
                             std::int64_t);
int pageward_jemalloc_munmap(void* address, std::size_t bytes);
int pageward_jemalloc_mprotect(void* address, std::size_t bytes, int protection);
int pageward_jemalloc_madvise(void* address, std::size_t bytes, int advice);
void* pageward_jemalloc_sbrk(std::intptr_t increment);

void* pageward_jemalloc_mmap(void* address, std::size_t bytes, int protection, int flags, int,
                             std::int64_t) {
  using namespace pageward;
  hooks::MetadataArea& area = hooks::JemallocMetadata();
  if ((flags & MAP_FIXED) != 0) {
    // Committing and decommitting, where the system does not overcommit: the range is ours already
    // and stays usable; decommitted pages are given back.
    const VirtRange range{VirtAddr::Of(address), bytes};
    PW_CHECK(area.Contains(range.begin), Violation::kForeignPointer, range.begin.value());
    if (protection == PROT_NONE) {
      static_cast<void>(area.os().Discard(range));
    }
    return address;
  }
  if (address == nullptr) {
    if (const Result<VirtRange> range = area.Map(bytes); range.ok()) {
      return range->begin.AsPointer();
    }
  }
  errno = ENOMEM;  // Also for a hint: jemalloc does without.
  return MAP_FAILED;
}

int pageward_jemalloc_munmap(void* address, std::size_t bytes) {
  pageward::hooks::JemallocMetadata().Unmap({pageward::VirtAddr::Of(address), bytes});
  return 0;
}

int pageward_jemalloc_mprotect(void* address, std::size_t bytes, int protection) {
  using namespace pageward;
  const VirtRange range{VirtAddr::Of(address), bytes};
  const os::Protection wanted =
      (protection & PROT_WRITE) != 0 ? os::Protection::kReadWrite : os::Protection::kNone;
  return hooks::JemallocMetadata().os().Protect(range, wanted).ok() ? 0 : -1;
}

int pageward_jemalloc_madvise(void* address, std::size_t bytes, int advice) {
  using namespace pageward;
  os::Os& os = hooks::JemallocMetadata().os();
  const VirtRange range{VirtAddr::Of(address), bytes};
  switch (advice) {
    case MADV_DONTNEED:
      return os.Discard(range).ok() ? 0 : -1;
    case MADV_FREE:
      return os.DiscardLazily(range).ok() ? 0 : -1;
    case MADV_HUGEPAGE:
      return os.Advise(range, os::HugePages::kPreferred).ok() ? 0 : -1;
    case MADV_NOHUGEPAGE:
      return os.Advise(range, os::HugePages::kNever).ok() ? 0 : -1;
    default:
      errno = EINVAL;  // Other advice is about dumps; jemalloc goes on without it.
      return -1;
  }
}

void* pageward_jemalloc_sbrk(std::intptr_t) {
  errno = ENOMEM;
  return MAP_FAILED;  // (void*)-1: there is no break for jemalloc.
}

}  // extern "C"
