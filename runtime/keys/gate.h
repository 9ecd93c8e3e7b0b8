// The gate: the one scope in which this thread may write metadata.
//
// What the heap decides by lies in pages of one key. Everybody may read them and nobody may write
// them, but for code that is inside the gate. How far a thread has opened is called its level, and
// there are two, both known at compile time: no function of ours takes a level from its caller.
//
//   kBaseline   metadata can be read
//   kMetadata   metadata can be written: inside the gate
//
// A scope changes two bits of the register and leaves those of all other keys alone. Which level a
// thread is at stands in the register and nowhere else, so a thread that leaves a scope by longjmp,
// or whose register the kernel resets for a signal handler, needs no repair of what we remember.
// Source for the register in handlers: arch/x86/kernel/signal.c, fpu__clear_user_states().
#pragma once

#include <cstdint>

#include "runtime/arch/pku.h"
#include "runtime/core/open_page.h"
#include "runtime/core/result.h"
#include "runtime/os/os.h"

namespace pageward::keys {

enum class Level : std::uint8_t { kBaseline, kMetadata };

namespace internal {

// The two bits of the metadata's key in PKRU; 0 while metadata is open, and on machines without
// keys for ever. Read-only while it is closed, and not closed itself: a thread that has no rights
// looks here for how to get them.
extern constinit OpenPage<std::uint32_t> g_metadata_field;
extern constinit thread_local std::uint64_t t_gate_openings;

inline constexpr std::uint64_t kOpeningsAtOnce = 64;
[[gnu::cold]] void PublishOpenings();

// Write-disable of all keys: the upper bit of each field.
inline constexpr std::uint32_t kWriteDisableBits = 0xaaaaaaaa;
// Key 0 is on every ordinary page. Whatever a level says, it can be read and written.
inline constexpr std::uint32_t kDefaultKeyField = 3;

template <Level kLevel>
constexpr std::uint32_t BitsOf(std::uint32_t field) {
  return kLevel == Level::kMetadata ? 0 : field & kWriteDisableBits;
}

constexpr arch::Pkru WithField(arch::Pkru rights, std::uint32_t field, std::uint32_t bits) {
  return arch::Pkru((rights.value() & ~(field | kDefaultKeyField)) | (bits & field));
}

}  // namespace internal

/// Holds this thread at `kLevel` while it lives and then puts the former level back.
///
/// Belongs to the thread and the scope that made it. Scopes nest; one whose level is in force
/// already writes nothing, so that an outer scope makes a batch of the inner ones. Without closed
/// metadata it is one test of a word.
template <Level kLevel>
class [[nodiscard]] LevelScope {
 public:
  [[gnu::always_inline]] LevelScope() {
    if (const std::uint32_t field = internal::g_metadata_field.value; field != 0) {
      Enter(field);
    }
  }
  [[gnu::always_inline]] ~LevelScope() {
    if (former_ != kUnchanged) {
      Leave(internal::g_metadata_field.value);
    }
  }
  LevelScope(const LevelScope&) = delete;
  LevelScope& operator=(const LevelScope&) = delete;

 private:
  static constexpr std::uint32_t kUnchanged = ~std::uint32_t{0};

  [[gnu::always_inline]] void Enter(std::uint32_t field) {
    const arch::Pkru rights = arch::ReadPkru();
    const std::uint32_t bits = rights.value() & field;
    if (bits == internal::BitsOf<kLevel>(field)) {
      return;
    }
    former_ = bits;
    arch::WritePkru(internal::WithField(rights, field, internal::BitsOf<kLevel>(field)));
    if constexpr (kLevel == Level::kMetadata) {
      if (++internal::t_gate_openings % internal::kOpeningsAtOnce == 0) {
        internal::PublishOpenings();
      }
    }
  }

  [[gnu::always_inline]] void Leave(std::uint32_t field) {
    arch::WritePkru(internal::WithField(arch::ReadPkru(), field, former_));
    if constexpr (kLevel == Level::kMetadata) {
      // What was written came from memory that is open. Nobody leaves the gate and has it open.
      if ((arch::ReadPkru().value() & field) == 0) [[unlikely]] {
        __builtin_trap();
      }
    }
  }

  std::uint32_t former_ = kUnchanged;
};

/// Opens the gate for this thread: around everything that may write metadata.
using Gate = LevelScope<Level::kMetadata>;

/// Closes it for the time that code runs which is not ours, called from within: the program's
/// callbacks, the start of a thread.
using BaselineScope = LevelScope<Level::kBaseline>;

/// Lets `key` be the metadata's and gives this thread its baseline rights; other threads get theirs
/// by being started by this one. Once in a process, before there are others.
///
/// Errors: kUnsupported, with everything as before, if the key does not act as it should: readable
/// and not writable at the baseline, writable inside the gate.
///
/// Requires: `key` is claimed and closed for this thread.
Status CloseMetadata(os::Os& os, arch::Pkey key);

/// Returns the page that says which key the gate opens. Nobody writes it while metadata is closed.
VirtRange GateWord();

/// Returns whether metadata is closed in this process.
inline bool IsMetadataClosed() {
  return internal::g_metadata_field.value != 0;
}

/// Returns whether this thread is inside the gate. False where metadata is not closed.
inline bool IsInsideGate() {
  const std::uint32_t field = internal::g_metadata_field.value;
  return field != 0 && (arch::ReadPkru().value() & field) == 0;
}

/// Gives this thread its baseline rights, whatever it has. For the start of signal handlers, which
/// the kernel enters with every key closed.
inline void RestoreBaseline() {
  if (const std::uint32_t field = internal::g_metadata_field.value; field != 0) {
    arch::WritePkru(
        internal::WithField(arch::ReadPkru(), field, internal::BitsOf<Level::kBaseline>(field)));
  }
}

/// Returns `rights` with those for metadata at the baseline.
inline arch::Pkru AtBaseline(arch::Pkru rights) {
  const std::uint32_t field = internal::g_metadata_field.value;
  return field == 0 ? rights
                    : internal::WithField(rights, field, internal::BitsOf<Level::kBaseline>(field));
}

/// How often the gate has been opened: by this thread, and by all of them. Of other threads that
/// run, the last few openings are missing from the second.
inline std::uint64_t ThreadGateOpenings() {
  return internal::t_gate_openings;
}
std::uint64_t GateOpenings();

/// Adds what a thread has not published yet. When it ends.
void PublishThreadOpenings();

}  // namespace pageward::keys
