// Objects of domains: found, made, moved and given back.
#include "runtime/core/bits.h"
#include "runtime/core/text.h"
#include "runtime/domain/domains.h"

namespace pageward::domain {

void Domains::DieOf(const Located& located, VirtAddr pointer, const Domain& domain,
                    std::string_view operation) {
  Violation violation = Violation::kForeignPointer;
  std::string_view what = "is no object of a domain";
  if (located.kind == PointerKind::kFreed) {
    violation = Violation::kDoubleFree;
    what = "is free already";
  } else if (located.kind == PointerKind::kInterior) {
    violation = Violation::kInteriorPointer;
    what = "points into an object, not to its start";
  }
  Text<200> message;
  message.Append(operation).Append(" of ").AppendHex(pointer.value()).Append(" in domain '");
  message.Append(domain.options.name).Append("': it ").Append(what);
  Fatal(violation, message.view());
}

Outcome Domains::Locate(Domain& domain, VirtAddr object, Located* located) {
  *located = heap_->Find(object);
  if (located->kind != PointerKind::kLive) {
    return Outcome{Refusal::kNoObject};
  }
  return located->owner == domain.lists.id().value ? Outcome{} : Outcome{Refusal::kWrongDomain};
}

Domain* Domains::FindWithObject(Handle handle, VirtAddr object, std::string_view operation,
                                Located* located, Outcome* outcome) {
  Domain* domain = Find(handle, outcome);
  if (domain == nullptr) {
    return nullptr;
  }
  *outcome = Locate(*domain, object, located);
  if (outcome->refusal == Refusal::kNoObject) {
    DieOf(*located, object, *domain, operation);
  }
  return outcome->ok() ? domain : nullptr;
}

Status Domains::AllocateZeroed(Domain& domain, std::uint64_t bytes, std::uint64_t alignment,
                               VirtRange* object) {
  const Result<VirtRange> allocated = heap_->Allocate(domain, bytes, alignment);
  if (!allocated.ok()) {
    return allocated.error();
  }
  *object = *allocated;
  if (domain.options.wipe == WipePolicy::kOnFree) {
    return Status();
  }
  const Status wiped = Wipe(domain, *allocated);
  if (!wiped.ok()) {
    heap_->Free(domain, heap_->Find(allocated->begin));
  }
  return wiped;
}

Outcome Domains::Allocate(Handle handle, std::uint64_t bytes, std::uint64_t alignment,
                          VirtAddr* object) {
  if (bytes == 0 || !IsPowerOfTwo(alignment) || alignment > DomainHeap::kMostAlignment) {
    return Outcome{Refusal::kError, Error::kInvalid};
  }
  MutexLock lock(mutex_);
  Outcome outcome;
  Domain* domain = Find(handle, &outcome);
  if (domain == nullptr) {
    return outcome;
  }
  VirtRange allocated;
  const Status done = AllocateZeroed(*domain, bytes, alignment, &allocated);
  *object = allocated.begin;
  return Outcome::Of(done);
}

Status Domains::WipeAndFree(Domain& domain, const Located& located) {
  if (domain.options.wipe == WipePolicy::kOnFree) {
    if (const Status wiped = Wipe(domain, located.object); !wiped.ok()) {
      return wiped;
    }
  }
  heap_->Free(domain, located);
  return Status();
}

Outcome Domains::Free(Handle handle, VirtAddr object) {
  MutexLock lock(mutex_);
  Outcome outcome;
  Located located;
  Domain* domain = FindWithObject(handle, object, "free", &located, &outcome);
  return domain != nullptr ? Outcome::Of(WipeAndFree(*domain, located)) : outcome;
}

Outcome Domains::Reallocate(Handle handle, VirtAddr* object, std::uint64_t bytes,
                            std::uint64_t alignment) {
  if (bytes == 0 || !IsPowerOfTwo(alignment) || alignment > DomainHeap::kMostAlignment) {
    return Outcome{Refusal::kError, Error::kInvalid};
  }
  MutexLock lock(mutex_);
  Outcome outcome;
  Located located;
  Domain* domain = FindWithObject(handle, *object, "realloc", &located, &outcome);
  const bool is_too_large = bytes > reservation_.frames().bytes;
  if (domain == nullptr || (!is_too_large && heap_->Fits(located, bytes, alignment))) {
    return outcome;
  }
  VirtRange to;
  if (const Status made = AllocateZeroed(*domain, bytes, alignment, &to); !made.ok()) {
    return Outcome::Of(made);
  }
  const std::uint64_t kept = located.object.bytes < bytes ? located.object.bytes : bytes;
  Status moved = Copy(*domain, located.object.begin, to.begin, kept);
  if (moved.ok()) {
    moved = WipeAndFree(*domain, located);
  }
  if (!moved.ok()) {
    // The copy goes again, and with its pages if it can't be reached.
    const Located copy = heap_->Find(to.begin);
    static_cast<void>(WipeAndFree(*domain, copy));
    return Outcome::Of(moved);
  }
  *object = to.begin;
  return outcome;
}

Outcome Domains::UsableBytes(Handle handle, VirtAddr object, std::uint64_t* bytes) {
  MutexLock lock(mutex_);
  Outcome outcome;
  Domain* domain = Find(handle, &outcome);
  if (domain == nullptr) {
    return outcome;
  }
  Located located;
  outcome = Locate(*domain, object, &located);
  *bytes = outcome.ok() ? located.object.bytes : 0;
  return outcome;
}

}  // namespace pageward::domain
