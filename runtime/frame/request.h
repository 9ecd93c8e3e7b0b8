// What a caller asks the page allocator for.
#pragma once

#include <cstdint>

#include "runtime/core/result.h"
#include "runtime/frame/free_lists.h"
#include "runtime/frame/freetype.h"

namespace pageward::frame {

enum class RequestFlag : std::uint32_t {
  /// No conversion and no compaction: the caller may hold what those would wait for.
  kMayNotBlock = 1u << 0,
  /// Not even waiting for the zone's lock, and one attempt only.
  kTryLockOnly = 1u << 1,
  /// The caller is going to zero the frames at their home address. The allocator never touches
  /// them; it only refuses this for memory that has no reachable home.
  kZeroed = 1u << 2,
  /// Only the lists of the freetype itself: no pageblock lends or changes its mobility for this.
  /// For callers who can get fresh pageblocks. The kernel's word is ALLOC_NOFRAGMENT.
  kNoFallback = 1u << 3,
  /// No conversion and no compaction for this: the caller has a better way to more frames. Unlike
  /// kMayNotBlock it holds nothing that others could wait for.
  kNoConversion = 1u << 4,
};

/// The flags of callers that must not be kept waiting, and all flags that exist.
inline constexpr std::uint32_t kBlockingFlags =
    static_cast<std::uint32_t>(RequestFlag::kMayNotBlock) |
    static_cast<std::uint32_t>(RequestFlag::kTryLockOnly);
inline constexpr std::uint32_t kKnownFlags = kBlockingFlags |
                                             static_cast<std::uint32_t>(RequestFlag::kZeroed) |
                                             static_cast<std::uint32_t>(RequestFlag::kNoFallback) |
                                             static_cast<std::uint32_t>(RequestFlag::kNoConversion);

/// A set of flags, possibly from outside and therefore possibly with bits that do not exist.
class RequestFlags {
 public:
  constexpr RequestFlags() = default;
  explicit constexpr RequestFlags(std::uint32_t bits) : bits_(bits) {}

  constexpr std::uint32_t bits() const { return bits_; }
  constexpr bool Has(RequestFlag flag) const { return (bits_ & BitOf(flag)) != 0; }
  constexpr RequestFlags With(RequestFlag flag) const { return RequestFlags(bits_ | BitOf(flag)); }
  constexpr bool HasUnknown() const { return (bits_ & ~kKnownFlags) != 0; }
  /// Returns whether the caller must not be kept waiting, for a conversion or anything like it.
  constexpr bool ForbidsBlocking() const { return (bits_ & kBlockingFlags) != 0; }
  /// Returns whether the caller allows neither conversion nor compaction.
  constexpr bool ForbidsConversion() const {
    return ForbidsBlocking() || Has(RequestFlag::kNoConversion);
  }

  friend constexpr bool operator==(RequestFlags, RequestFlags) = default;

 private:
  static constexpr std::uint32_t BitOf(RequestFlag flag) {
    return static_cast<std::uint32_t>(flag);
  }

  std::uint32_t bits_ = 0;
};

/// A freetype, whose lists it is if it is keyed, and flags. It may make no sense: see Validate().
class Request {
 public:
  static constexpr Request Mapped(Mobility mobility) {
    return Request(Freetype::Mapped(mobility), nullptr, {});
  }
#if PW_FRAME_UNMAPPED
  static constexpr Request Unmapped() {
    return Request(Freetype::Unmapped(), nullptr, {});
  }
#endif
  static constexpr Request Keyed(OwnerLists& owner) {
    return Request(Freetype::Keyed(owner.id()), &owner, {});
  }

  /// A request from outside, of whatever parts.
  constexpr Request(Freetype freetype, OwnerLists* owner, RequestFlags flags)
      : freetype_(freetype),
        central_type_(CentralTypeOf(freetype, owner, flags)),
        flags_(flags),
        owner_(owner) {}

  /// Returns the same request with one more flag.
  constexpr Request With(RequestFlag flag) const {
    return Request(freetype_, owner_, flags_.With(flag));
  }

  constexpr Freetype freetype() const {
    return freetype_;
  }
  constexpr OwnerLists* owner() const {
    return owner_;
  }
  constexpr RequestFlags flags() const {
    return flags_;
  }

  /// Returns the FreetypeIndex of a valid request for central memory, and kCentralTypeCount for any
  /// other. Worked out once, because the fastest path has no time for it.
  constexpr std::size_t central_type() const {
    return central_type_;
  }

 private:
  static constexpr std::uint8_t CentralTypeOf(Freetype type, const OwnerLists* owner,
                                              RequestFlags flags) {
    const auto index = IndexOf(type);
    const bool can_be_zeroed = type.IsMapped() || !flags.Has(RequestFlag::kZeroed);
    const bool is_valid =
        index.has_value() && owner == nullptr && can_be_zeroed && !flags.HasUnknown();
    return static_cast<std::uint8_t>(is_valid ? index->value() : kCentralTypeCount);
  }

  Freetype freetype_;
  std::uint8_t central_type_;
  RequestFlags flags_;
  OwnerLists* owner_;
};

/// Returns whether the request makes sense. Errors: kInvalid, for a freetype without lists, an
/// owner that does not fit or is not registered, or frames to be zeroed that nobody can reach.
///
/// Dies with Violation::kUnknownFlags if it carries flags that do not exist: what they were meant
/// to forbid would happen.
Status Validate(const Request& request);

}  // namespace pageward::frame
