#include "runtime/os/signal_frame.h"

#include <cstdint>
#include <cstring>

#include "runtime/arch/cpu.h"

namespace pageward::os {
namespace {

// Linux describes the saved registers in bytes of the FXSAVE area that the processor leaves to
// software. Source: struct _fpx_sw_bytes in arch/x86/include/uapi/asm/sigcontext.h.
struct SoftwareBytes {
  std::uint32_t magic;
  std::uint32_t extended_bytes;
  std::uint64_t features;
  std::uint32_t state_bytes;
};
constexpr std::size_t kSoftwareBytesAt = 464;
constexpr std::uint32_t kMagic = 0x46505853;  // FP_XSTATE_MAGIC1

// Behind the FXSAVE area: which components hold what was saved; the others are in their initial
// state, which for PKRU is zero. Source: Intel SDM, volume 1, section 13.4.2.
constexpr std::size_t kHeaderAt = 512;
constexpr std::uint64_t kPkruFeature = 1u << 9;

// Returns where PKRU stands on the frame, or null.
unsigned char* PkruOn(const ucontext_t& context) {
  auto* state = reinterpret_cast<unsigned char*>(context.uc_mcontext.fpregs);
  if (state == nullptr) {
    return nullptr;
  }
  SoftwareBytes bytes;
  std::memcpy(&bytes, state + kSoftwareBytesAt, sizeof(bytes));
  const unsigned offset = arch::PkruOffsetInSavedState();
  const bool is_there = bytes.magic == kMagic && (bytes.features & kPkruFeature) != 0 &&
                        offset != 0 && offset + sizeof(std::uint32_t) <= bytes.state_bytes;
  return is_there ? state + offset : nullptr;
}

std::uint64_t HeaderOf(const ucontext_t& context) {
  std::uint64_t present = 0;
  std::memcpy(&present, reinterpret_cast<unsigned char*>(context.uc_mcontext.fpregs) + kHeaderAt,
              sizeof(present));
  return present;
}

}  // namespace

std::optional<arch::Pkru> InterruptedRights(const ucontext_t& context) {
  const unsigned char* place = PkruOn(context);
  if (place == nullptr) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  if ((HeaderOf(context) & kPkruFeature) != 0) {
    std::memcpy(&value, place, sizeof(value));
  }
  return arch::Pkru(value);
}

bool SetInterruptedRights(ucontext_t* context, arch::Pkru rights) {
  unsigned char* place = PkruOn(*context);
  if (place == nullptr) {
    return false;
  }
  const std::uint32_t value = rights.value();
  std::memcpy(place, &value, sizeof(value));
  const std::uint64_t present = HeaderOf(*context) | kPkruFeature;
  std::memcpy(reinterpret_cast<unsigned char*>(context->uc_mcontext.fpregs) + kHeaderAt, &present,
              sizeof(present));
  return true;
}

}  // namespace pageward::os
