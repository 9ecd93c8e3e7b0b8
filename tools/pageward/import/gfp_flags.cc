#include "tools/pageward/import/gfp_flags.h"

#include <array>

#include "tools/pageward/import/numbers.h"

namespace pageward::tool {

namespace {

using Flag = GfpFlags::Flag;

template <typename... Flags>
constexpr GfpFlags All(Flags... flags) {
  return (GfpFlags() | ... | GfpFlags::Of(flags));
}

struct Name {
  std::string_view text;
  GfpFlags flags;
};

// The combinations of linux/gfp_types.h. Kernels print the largest that fits and then what
// is left over, so that small differences between kernels show as flags beside it.
constexpr GfpFlags kReclaim = All(Flag::kDirectReclaim, Flag::kKswapdReclaim);
constexpr GfpFlags kKernel = kReclaim | All(Flag::kIo, Flag::kFs);
constexpr GfpFlags kUser = kKernel | All(Flag::kHardwall);
constexpr GfpFlags kHighUser = kUser | All(Flag::kHighmem);
// Large pages of users may do without reclaim.
constexpr GfpFlags kTranshugeLight =
    All(Flag::kIo, Flag::kFs, Flag::kHardwall, Flag::kHighmem, Flag::kMovable, Flag::kComp,
        Flag::kNomemalloc, Flag::kNowarn);

constexpr std::array kCombinations = {
    Name{"GFP_ATOMIC", All(Flag::kHigh, Flag::kKswapdReclaim)},
    Name{"GFP_KERNEL", kKernel},
    Name{"GFP_KERNEL_ACCOUNT", kKernel | All(Flag::kAccount)},
    Name{"GFP_NOWAIT", All(Flag::kKswapdReclaim)},
    Name{"GFP_NOIO", kReclaim},
    Name{"GFP_NOFS", kReclaim | All(Flag::kIo)},
    Name{"GFP_TEMPORARY", kKernel | All(Flag::kReclaimable)},
    Name{"GFP_USER", kUser},
    Name{"GFP_DMA", All(Flag::kDma)},
    Name{"GFP_DMA32", All(Flag::kDma32)},
    Name{"GFP_HIGHUSER", kHighUser},
    Name{"GFP_HIGHUSER_MOVABLE", kHighUser | All(Flag::kMovable)},
    Name{"GFP_TRANSHUGE_LIGHT", kTranshugeLight},
    Name{"GFP_TRANSHUGE", kTranshugeLight | All(Flag::kDirectReclaim)},
    Name{"__GFP_RECLAIM", kReclaim},
    Name{"none", GfpFlags()},
};

// Behind "__GFP_", in the order of Flag but for the last one, and two former names.
constexpr std::array kFlags = {
    Name{"DMA", All(Flag::kDma)},
    Name{"HIGHMEM", All(Flag::kHighmem)},
    Name{"DMA32", All(Flag::kDma32)},
    Name{"MOVABLE", All(Flag::kMovable)},
    Name{"RECLAIMABLE", All(Flag::kReclaimable)},
    Name{"HIGH", All(Flag::kHigh)},
    Name{"IO", All(Flag::kIo)},
    Name{"FS", All(Flag::kFs)},
    Name{"ZERO", All(Flag::kZero)},
    Name{"ATOMIC", All(Flag::kAtomic)},
    Name{"DIRECT_RECLAIM", All(Flag::kDirectReclaim)},
    Name{"KSWAPD_RECLAIM", All(Flag::kKswapdReclaim)},
    Name{"WRITE", All(Flag::kWrite)},
    Name{"NOWARN", All(Flag::kNowarn)},
    Name{"RETRY_MAYFAIL", All(Flag::kRetryMayfail)},
    Name{"NOFAIL", All(Flag::kNofail)},
    Name{"NORETRY", All(Flag::kNoretry)},
    Name{"MEMALLOC", All(Flag::kMemalloc)},
    Name{"COMP", All(Flag::kComp)},
    Name{"NOMEMALLOC", All(Flag::kNomemalloc)},
    Name{"HARDWALL", All(Flag::kHardwall)},
    Name{"THISNODE", All(Flag::kThisnode)},
    Name{"ACCOUNT", All(Flag::kAccount)},
    Name{"ZEROTAGS", All(Flag::kZerotags)},
    Name{"SKIP_ZERO", All(Flag::kSkipZero)},
    Name{"SKIP_KASAN", All(Flag::kSkipKasan)},
    Name{"NOLOCKDEP", All(Flag::kNolockdep)},
    Name{"NO_OBJ_EXT", All(Flag::kNoObjExt)},
    Name{"COLD", All(Flag::kCold)},
    Name{"OTHER_NODE", All(Flag::kOtherNode)},
    Name{"NOTRACK", All(Flag::kNotrack)},
    Name{"UNMAPPED", All(Flag::kUnmapped)},
    Name{"SENSITIVE", All(Flag::kSensitive)},
    Name{"REPEAT", All(Flag::kRetryMayfail)},
    Name{"WAIT", kReclaim},
};

template <std::size_t kCount>
std::optional<GfpFlags> Find(const std::array<Name, kCount>& names, std::string_view text) {
  for (const Name& name : names) {
    if (name.text == text) {
      return name.flags;
    }
  }
  return std::nullopt;
}

std::optional<GfpFlags> ParsePart(std::string_view part) {
  if (const auto flags = GfpFlagsNamed(part)) {
    return flags;
  }
  if (part.find("GFP_") != std::string_view::npos) {
    return All(Flag::kUnknown);
  }
  const auto number = NumberIn(part);
  if (!number) {
    return std::nullopt;
  }
  constexpr std::uint64_t kShared =
      (std::uint64_t{2} << static_cast<unsigned>(Flag::kZerotags)) - 1;
  const bool has_others = (*number & ~kShared) != 0;
  return GfpFlags(*number & kShared) | (has_others ? All(Flag::kUnknown) : GfpFlags());
}

}  // namespace

std::optional<GfpFlags> GfpFlagsNamed(std::string_view name) {
  if (const auto flags = Find(kCombinations, name)) {
    return flags;
  }
  constexpr std::string_view kPrefix = "__GFP_";
  return name.substr(0, kPrefix.size()) == kPrefix ? Find(kFlags, name.substr(kPrefix.size()))
                                                   : std::nullopt;
}

std::optional<GfpFlags> ParseGfpFlags(std::string_view text) {
  GfpFlags all;
  for (bool is_last = false; !is_last;) {
    const std::size_t bar = text.find('|');
    is_last = bar == std::string_view::npos;
    const auto flags = ParsePart(text.substr(0, bar));
    if (!flags) {
      return std::nullopt;
    }
    all = all | *flags;
    text.remove_prefix(is_last ? text.size() : bar + 1);
  }
  return all;
}

}  // namespace pageward::tool
