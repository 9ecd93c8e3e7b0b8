#include "runtime/sim/sim_ram.h"

#include <cstring>

#include "runtime/core/bits.h"

namespace pageward::sim {

SimRam::Memory SimRam::Memory::CarveFrom(Carver& carver, FrameCount frames) {
  Memory memory;
  memory.contents = carver.Take<std::uint32_t>(frames.value);
  memory.bytes = carver.Take<std::byte>(frames.bytes(), kFrameBytes);
  return memory;
}

SimRam::SimRam(const Memory& memory, PhysAddr base)
    : base_(base),
      frames_(static_cast<std::uint32_t>(memory.contents.size())),
      contents_(memory.contents),
      bytes_(memory.bytes) {
  PW_ASSERT(IsAligned<std::uint64_t>(base.value(), kMaxOrder.frames().bytes()));
}

void SimRam::MaterializeSlowly(FrameNumber frame) {
  std::uint32_t content = ContentOf(frame);
  // A pattern belongs to whoever filled the frame, so nobody else is here. Zeros can become bytes
  // under several hands at once, and are bytes already.
  if (content != kZero && content != kBytes) {
    const std::uint64_t word = PatternOf(FillTag{content});
    for (std::uint64_t offset = 0; offset < kFrameBytes; offset += 8) {
      std::memcpy(BytesOf(frame) + offset, &word, 8);
    }
  }
  if (content != kBytes && __atomic_compare_exchange_n(&contents_[frame.value], &content, kBytes,
                                                       false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    __atomic_fetch_add(&backed_, 1, __ATOMIC_RELAXED);
  }
}

void SimRam::DropBytes(FrameNumber frame) {
  if (ContentOf(frame) == kBytes) {
    std::memset(BytesOf(frame), 0, kFrameBytes);
    __atomic_fetch_sub(&backed_, 1, __ATOMIC_RELAXED);
  }
}

void SimRam::Zero(FrameNumber frame) {
  DropBytes(frame);
  __atomic_store_n(&contents_[frame.value], kZero, __ATOMIC_RELEASE);
}

bool SimRam::IsZero(FrameNumber frame) const {
  const std::uint32_t content = ContentOf(frame);
  if (content != kBytes) {
    return content == kZero;
  }
  for (std::uint64_t offset = 0; offset < kFrameBytes; offset += 8) {
    if (Load(AddressOf(frame) + offset) != 0) {
      return false;
    }
  }
  return true;
}

void SimRam::Fill(FrameNumber frame, FillTag tag) {
  PW_ASSERT(tag.value != kZero && tag.value != kBytes);
  DropBytes(frame);
  __atomic_store_n(&contents_[frame.value], tag.value, __ATOMIC_RELEASE);
}

void SimRam::Copy(FrameNumber from, FrameNumber to) {
  const std::uint32_t content = ContentOf(from);
  if (content != kBytes) {
    DropBytes(to);
    __atomic_store_n(&contents_[to.value], content, __ATOMIC_RELEASE);
    return;
  }
  Materialize(to);
  std::memcpy(BytesOf(to), BytesOf(from), kFrameBytes);
}

void SimRam::Read(FrameNumber frame, std::span<std::byte, kFrameBytes> bytes) const {
  for (std::uint64_t offset = 0; offset < kFrameBytes; offset += 8) {
    const std::uint64_t word = Load(AddressOf(frame) + offset);
    std::memcpy(bytes.data() + offset, &word, 8);
  }
}

}  // namespace pageward::sim
