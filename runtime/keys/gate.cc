#include "runtime/keys/gate.h"

#include <atomic>

#include "runtime/arch/cpu.h"
#include "runtime/core/units.h"

namespace pageward::keys {

namespace internal {

[[gnu::section("pageward_open")]] constinit OpenPage<std::uint32_t> g_metadata_field;
constinit thread_local std::uint64_t t_gate_openings = 0;

namespace {

constinit std::atomic<std::uint64_t> g_openings{0};
constinit thread_local std::uint64_t t_published = 0;

}  // namespace

void PublishOpenings() {
  g_openings.fetch_add(t_gate_openings - t_published, std::memory_order_relaxed);
  t_published = t_gate_openings;
}

}  // namespace internal

namespace {

// Tries on a page of its own what the levels promise.
bool LevelsAct(os::Os& os, arch::Pkey key) {
  const Result<VirtRange> page = os.MapZeroed(kFrameBytes);
  if (!page.ok()) {
    return false;
  }
  bool acts = os.ProtectWithKey(*page, os::Protection::kReadWrite, key).ok() &&
              os.CanRead(page->begin) && !os.CanWrite(page->begin);
  {
    const Gate gate;
    acts = acts && os.CanWrite(page->begin);
  }
  acts = acts && !os.CanWrite(page->begin);
  return os.Unmap(*page).ok() && acts;
}

}  // namespace

Status CloseMetadata(os::Os& os, arch::Pkey key) {
  PW_ASSERT(!IsMetadataClosed() && key != arch::kDefaultPkey);
  if (!arch::HasOspke()) {
    return Error::kUnsupported;
  }
  const arch::Pkru before = arch::ReadPkru();
  internal::g_metadata_field.value = 3u << (2 * key.value());
  RestoreBaseline();
  if (!LevelsAct(os, key) || !os.Protect(GateWord(), os::Protection::kRead).ok()) {
    internal::g_metadata_field.value = 0;
    arch::WritePkru(before);
    return Error::kUnsupported;
  }
  return Status();
}

VirtRange GateWord() {
  return {VirtAddr::Of(&internal::g_metadata_field), sizeof(internal::g_metadata_field)};
}

std::uint64_t GateOpenings() {
  internal::PublishOpenings();
  return internal::g_openings.load(std::memory_order_relaxed);
}

void PublishThreadOpenings() {
  internal::PublishOpenings();
}

}  // namespace pageward::keys
