// What is known of one domain. All of it lies outside the memory that the domain closes.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/arch/pkru.h"
#include "runtime/frame/free_lists.h"
#include "runtime/object/size_class.h"
#include "runtime/os/os.h"

namespace pageward::domain {

/// As many domains can be alive. A number that is not reached: 10,000 is what is promised.
inline constexpr std::uint32_t kMostDomains = 16384;

enum class DefaultAccess : std::uint8_t { kNone, kReadOnly };
enum class ForkPolicy : std::uint8_t { kGone, kKept };
enum class LockPolicy : std::uint8_t { kWherePossible, kRequired, kNever };
enum class WipePolicy : std::uint8_t { kOnFree, kBeforeReuse };

struct Options {
  static constexpr std::size_t kNameBytes = 32;

  DefaultAccess access = DefaultAccess::kNone;
  ForkPolicy fork = ForkPolicy::kGone;
  LockPolicy lock = LockPolicy::kWherePossible;
  WipePolicy wipe = WipePolicy::kOnFree;
  bool is_pinned = false;
  bool is_dumped = false;
  bool requires_keys = false;
  bool prefers_huge_pages = false;
  char name[kNameBytes] = {};
};

/// A number that is never used again: it names this domain and none before or after it.
struct Handle {
  std::uint64_t value = 0;

  /// The place of the domain, and how often the place has been taken.
  static constexpr Handle Of(std::uint32_t index, std::uint32_t generation) {
    return Handle{std::uint64_t{generation} << 16 | index};
  }
  constexpr std::uint32_t index() const { return static_cast<std::uint32_t>(value & 0xffff); }
  constexpr std::uint32_t generation() const { return static_cast<std::uint32_t>(value >> 16); }

  friend constexpr bool operator==(Handle, Handle) = default;
};

/// How the pages of a domain are, all of them.
struct Rights {
  os::Protection protection = os::Protection::kNone;
  arch::Pkey key;

  friend constexpr bool operator==(const Rights&, const Rights&) = default;
};

/// The pageblocks of a domain: a list in the order of their numbers.
struct Memory {
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::uint32_t first = kNone;
  std::uint32_t block_count = 0;
  std::uint32_t locked_blocks = 0;
  std::uint64_t lock_failures = 0;
  /// What blocks that join get. Right for all others, unless a change has failed half-way.
  Rights rights;
};

/// What makes windows on it.
enum class Means : std::uint8_t { kKey, kProtection };

enum class State : std::uint8_t {
  kAlive,
  kGone,   ///< Its memory stayed behind in the process that forked this one.
  kDying,  ///< Destroyed, but some of its blocks could not be given back yet.
};

struct Domain {
  explicit Domain(std::uint32_t index)
      : lists(frame::OwnerId(static_cast<std::uint16_t>(index + 1))) {}

  frame::OwnerLists lists;
  Memory memory;
  Handle handle;
  Options options;
  Means means = Means::kKey;
  State state = State::kAlive;
  /// Open windows, where they are made by page permissions.
  std::uint32_t readers = 0;
  std::uint32_t writers = 0;
  std::uint64_t objects = 0;
  std::uint64_t object_bytes = 0;
  /// For each class of small objects, a slab that has room: its first frame plus 1, or 0.
  std::array<std::uint32_t, object::kSlabClassCount> slabs{};
};

}  // namespace pageward::domain
