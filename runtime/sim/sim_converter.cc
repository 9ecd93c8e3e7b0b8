#include "runtime/sim/sim_converter.h"

#include "runtime/core/check.h"

namespace pageward::sim {

using frame::Freetype;
using frame::Visibility;
using ptable::PermissionChange;
using ptable::SetDirectMapTo;

OwnerKeys::Entry* OwnerKeys::Find(frame::OwnerId owner) {
  for (Entry& entry : entries_) {
    if (entry.owner == owner) {
      return &entry;
    }
  }
  return nullptr;
}

const OwnerKeys::Entry* OwnerKeys::Find(frame::OwnerId owner) const {
  for (const Entry& entry : entries_) {
    if (entry.owner == owner) {
      return &entry;
    }
  }
  return nullptr;
}

Result<arch::Pkey> OwnerKeys::Assign(frame::OwnerId owner) {
  MutexLock lock(mutex_);
  PW_ASSERT(Find(owner) == nullptr);
  Entry* const free = Find(frame::kNoOwner);
  if (free == nullptr) {
    return Error::kNoKeys;
  }
  const Result<arch::Pkey> key = keys_.Allocate();
  if (key.ok()) {
    *free = Entry{owner, *key};
  }
  return key;
}

void OwnerKeys::AssignFixed(frame::OwnerId owner, arch::Pkey key) {
  MutexLock lock(mutex_);
  Entry* const free = Find(frame::kNoOwner);
  PW_CHECK(free != nullptr, Violation::kAssertion, owner.value);
  *free = Entry{owner, key, true};
}

void OwnerKeys::Release(frame::OwnerId owner) {
  MutexLock lock(mutex_);
  Entry* const entry = Find(owner);
  PW_CHECK(entry != nullptr, Violation::kAssertion, owner.value);
  if (!entry->is_fixed) {
    keys_.Free(entry->key);
  }
  *entry = Entry{};
}

Result<arch::Pkey> OwnerKeys::KeyOf(frame::OwnerId owner) const {
  MutexLock lock(mutex_);
  const Entry* const entry = Find(owner);
  if (entry == nullptr) {
    return Error::kNoKeys;
  }
  return entry->key;
}

Result<PermissionChange> SimConverter::ChangeFor(Freetype type) const {
  switch (type.visibility) {
    case Visibility::kMapped:
      return SetDirectMapTo::kDefault;
    case Visibility::kUnmapped:
      return SetDirectMapTo::kInvalid;
    case Visibility::kKeyed:
      break;
  }
  const Result<arch::Pkey> key = keys_.KeyOf(type.owner);
  if (!key.ok()) {
    return key.error();
  }
  return PermissionChange{.is_readable = true, .is_writable = true, .key = *key};
}

Status SimConverter::Scrub(BlockRange blocks) {
  Meter& meter = CurrentCpu().meter();
  for (std::uint32_t i = 0; i < blocks.count; ++i) {
    if (memory_.machine().Fails(FaultPoint::kScrub)) {
      return Error::kNoMemory;
    }
    const FrameRange frames = BlockRange{blocks.begin + i, 1}.frames();
    for (FrameNumber frame = frames.begin; frame < frames.end(); ++frame.value) {
      memory_.machine().ram().Zero(frame);
    }
    meter.Add(Primitive::kFrameCleared, frames.count.value);
    meter.Add(Tally::kFrameScrubbed, frames.count.value);
  }
  const FrameRange all = blocks.frames();
  memory_.machine().Note(
      Event{.a = all.begin.value, .b = all.count.value, .kind = EventKind::kScrubbed});
  return {};
}

// Block by block, as a change of many pages goes: what fails has changed those before.
Status SimConverter::ChangeBlocks(BlockRange blocks, Freetype to) {
  const NestingScope nesting;
  const Result<PermissionChange> change = ChangeFor(to);
  if (!change.ok()) {
    return change.error();
  }
  for (std::uint32_t i = 0; i < blocks.count; ++i) {
    if (memory_.machine().Fails(FaultPoint::kBlockProtected)) {
      return Error::kNoMemory;
    }
    CurrentCpu().meter().Add(Primitive::kBlockMoved);
    const FrameRange frames = BlockRange{blocks.begin + i, 1}.frames();
    if (const auto changed = map_.Change(frames, *change, FlushWhen::kLater); !changed.ok()) {
      return changed.error();
    }
  }
  return {};
}

Status SimConverter::SetVisibility(BlockRange blocks, Freetype to) {
  Machine& machine = memory_.machine();
  CurrentCpu().meter().Add(Tally::kConversion);
  Event event{.a = blocks.begin.value, .b = blocks.count, .kind = EventKind::kConversionBegun};
  machine.Note(event);
  const Status status = ChangeBlocks(blocks, to);
  event.kind = EventKind::kConversionEnded;
  event.value = status.ok() ? 0 : static_cast<std::uint64_t>(status.error()) + 1;
  machine.Note(event);
  if (status.ok()) {
    machine.Note(Event{.a = blocks.begin.value,
                       .b = blocks.count,
                       .value = static_cast<std::uint64_t>(to.visibility),
                       .kind = EventKind::kVisibilitySet});
  }
  return status;
}

void SimConverter::RestoreVisibility(BlockRange blocks, Freetype old) {
  const Result<PermissionChange> change = ChangeFor(old);
  PW_CHECK(change.ok(), Violation::kInvariant, blocks.begin.value);
  for (std::uint32_t i = 0; i < blocks.count; ++i) {
    map_.Restore(BlockRange{blocks.begin + i, 1}.frames(), *change);
  }
}

}  // namespace pageward::sim
