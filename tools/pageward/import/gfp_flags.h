// What an allocation of the kernel was asked for, in the spellings that its traces have had.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pageward::tool {

/// A set of __GFP_ flags, by names: their numbers have changed from kernel to kernel, names have
/// hardly. Positions up to 23 are those of kernels from 5.0 on.
class GfpFlags {
 public:
  enum class Flag : std::uint8_t {
    kDma,
    kHighmem,
    kDma32,
    kMovable,
    kReclaimable,
    kHigh,
    kIo,
    kFs,
    kZero,
    kAtomic,
    kDirectReclaim,
    kKswapdReclaim,
    kWrite,
    kNowarn,
    kRetryMayfail,
    kNofail,
    kNoretry,
    kMemalloc,
    kComp,
    kNomemalloc,
    kHardwall,
    kThisnode,
    kAccount,
    kZerotags,
    // From here on positions are ours: theirs depend on how a kernel was configured.
    kSkipZero,
    kSkipKasan,
    kNolockdep,
    kNoObjExt,
    kCold,
    kOtherNode,
    kNotrack,
    kUnmapped,   ///< page_alloc-unmapped v1; later revisions have no flag of their own for it.
    kSensitive,  ///< Address-space isolation.
    kUnknown,    ///< There was one that this table does not have.
  };

  constexpr GfpFlags() = default;
  explicit constexpr GfpFlags(std::uint64_t bits) : bits_(bits) {}
  static constexpr GfpFlags Of(Flag flag) {
    return GfpFlags(std::uint64_t{1} << static_cast<unsigned>(flag));
  }

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr bool Has(Flag flag) const { return HasAll(Of(flag)); }
  constexpr bool HasAll(GfpFlags others) const { return (bits_ & others.bits_) == others.bits_; }

  friend constexpr GfpFlags operator|(GfpFlags a, GfpFlags b) {
    return GfpFlags(a.bits_ | b.bits_);
  }
  friend constexpr bool operator==(GfpFlags, GfpFlags) = default;

 private:
  std::uint64_t bits_ = 0;
};

/// Returns what a single name stands for, such as `__GFP_ZERO` or `GFP_KERNEL`, or nothing if this
/// is no name of a flag or of a usual combination.
std::optional<GfpFlags> GfpFlagsNamed(std::string_view name);

/// Reads what a trace has behind `gfp_flags=`: names and numbers with `|` between them. Numbers are
/// taken as kernels from 5.0 on mean them; a name that is not known gives Flag::kUnknown. Returns
/// nothing if a part is neither.
std::optional<GfpFlags> ParseGfpFlags(std::string_view text);

}  // namespace pageward::tool
