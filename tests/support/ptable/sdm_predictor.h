// What an access does according to the manual: slow, by tables and by counting bits, and without
// one line of ptable. The software MMU is compared with it access by access.
//
// Source: Intel SDM, volume 3A, sections 4.5 to 4.8; the names here are the manual's own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

namespace pageward::testing_support {

enum class SdmAccess { kRead, kWrite, kFetch };
enum class SdmMode { kUser, kSupervisorExplicit, kSupervisorImplicit };

/// Every control that section 4.6 mentions.
struct SdmControls {
  bool wp = false;
  bool smep = false;
  bool smap = false;
  bool pke = false;
  bool pks = false;
  bool nxe = false;
  bool la57 = false;
  bool ac = false;
  unsigned maxphyaddr = 40;
  std::uint32_t pkru = 0;
  std::uint32_t pkrs = 0;
  std::uint64_t table = 0;  ///< The address in CR3.
};

struct SdmPrediction {
  bool is_fault = false;
  std::uint32_t error_code = 0;
  std::uint64_t physical = 0;
  unsigned page_size_log2 = 0;
  /// Entries with the value that they must have afterwards, if the access succeeds.
  std::map<std::uint64_t, std::uint64_t> entries;
};

class SdmPredictor {
 public:
  /// `read` returns the 8 bytes at a physical address.
  explicit SdmPredictor(std::function<std::uint64_t(std::uint64_t)> read)
      : read_(std::move(read)) {}

  /// Requires: `linear` is canonical.
  SdmPrediction Predict(const SdmControls& controls, std::uint64_t linear, SdmAccess access,
                        SdmMode mode) const {
    struct Step {
      std::uint64_t address;
      std::uint64_t entry;
    };
    std::vector<Step> steps;
    std::vector<std::uint64_t> entries;
    std::uint64_t base = controls.table;
    // Named as in the manual: 5 is PML5E, 4 PML4E, 3 PDPTE, 2 PDE, 1 PTE.
    for (int name = controls.la57 ? 5 : 4;; --name) {
      const int low = 12 + 9 * (name - 1);
      const std::uint64_t address = base + Bits(linear, low + 8, low) * 8;
      const std::uint64_t entry = read_(address);
      if (!Bit(entry, 0)) {
        return Fault(AccessBits(controls, access, mode));
      }
      if (IsReserved(controls, entry, name)) {
        return Fault(AccessBits(controls, access, mode) | 1u | 1u << 3);
      }
      steps.push_back(Step{address, entry});
      entries.push_back(entry);
      if (MapsPage(entry, name)) {
        break;
      }
      base = Bits(entry, 51, 12) << 12;
    }
    if (const std::uint32_t code = Judge(controls, entries, access, mode); code != 0) {
      return Fault(code);
    }
    SdmPrediction prediction;
    const int name = (controls.la57 ? 6 : 5) - static_cast<int>(steps.size());
    prediction.page_size_log2 = static_cast<unsigned>(PageSizeLog2(name));
    prediction.physical = PhysicalAddress(entries.back(), name, linear);
    for (const Step& step : steps) {
      prediction.entries[step.address] = step.entry | 1u << 5;
    }
    if (access == SdmAccess::kWrite) {
      prediction.entries[steps.back().address] |= 1u << 6;
    }
    return prediction;
  }

  /// Returns whether `entry`, which is present, maps a page. Named as in the manual, see Predict().
  static bool MapsPage(std::uint64_t entry, int name) {
    return name == 1 || ((name == 2 || name == 3) && Bit(entry, 7));
  }

  /// Returns log2 of the size of the pages that entries of that name map.
  static int PageSizeLog2(int name) { return 12 + 9 * (name - 1); }

  /// Returns where `linear` leads through `entry`, which maps a page.
  static std::uint64_t PhysicalAddress(std::uint64_t entry, int name, std::uint64_t linear) {
    const int page = PageSizeLog2(name);
    return (Bits(entry, 51, page) << page) | Bits(linear, page - 1, 0);
  }

  /// Returns whether a bit is set that the tables of section 4.5 say must not be.
  static bool IsReserved(const SdmControls& controls, std::uint64_t entry, int name) {
    return HasReservedBit(controls, entry, name, MapsPage(entry, name));
  }

  /// Returns the error code for an access through `entries`, all that a translation used from the
  /// top down, or 0 if it is allowed.
  static std::uint32_t Judge(const SdmControls& controls, std::span<const std::uint64_t> entries,
                             SdmAccess access, SdmMode mode) {
    // 4.6: a translation is controlled by all entries used.
    bool all_rw = true;
    bool all_us = true;
    bool any_xd = false;
    for (const std::uint64_t entry : entries) {
      all_rw = all_rw && Bit(entry, 1);
      all_us = all_us && Bit(entry, 2);
      any_xd = any_xd || Bit(entry, 63);
    }
    const bool allowed = IsAllowed(controls, access, mode, all_us, all_rw, any_xd);
    const bool key_forbids = KeyForbids(controls, access, mode, all_us,
                                        static_cast<unsigned>(Bits(entries.back(), 62, 59)));
    if (allowed && !key_forbids) {
      return 0;
    }
    return AccessBits(controls, access, mode) | 1u | (key_forbids ? 1u << 5 : 0u);
  }

  /// 4.7: bits 1, 2 and 4 of an error code, which tell about the access.
  static std::uint32_t AccessBits(const SdmControls& controls, SdmAccess access, SdmMode mode) {
    std::uint32_t code = 0;
    code |= access == SdmAccess::kWrite ? 1u << 1 : 0u;
    code |= mode == SdmMode::kUser ? 1u << 2 : 0u;
    code |= access == SdmAccess::kFetch && (controls.smep || controls.nxe) ? 1u << 4 : 0u;
    return code;
  }

 private:
  static bool Bit(std::uint64_t value, int bit) { return (value >> bit & 1) != 0; }
  static std::uint64_t Bits(std::uint64_t value, int high, int low) {
    std::uint64_t result = 0;
    for (int bit = high; bit >= low; --bit) {
      result = result << 1 | (value >> bit & 1);
    }
    return result;
  }

  static SdmPrediction Fault(std::uint32_t code) {
    SdmPrediction prediction;
    prediction.is_fault = true;
    prediction.error_code = code;
    return prediction;
  }

  // Tables 4-14 to 4-20, row by row: bits that say "reserved (must be 0)".
  static bool HasReservedBit(const SdmControls& controls, std::uint64_t entry, int name,
                             bool maps_page) {
    for (int bit = static_cast<int>(controls.maxphyaddr); bit <= 51; ++bit) {
      if (Bit(entry, bit)) {
        return true;
      }
    }
    if (Bit(entry, 63) && !controls.nxe) {
      return true;
    }
    if ((name == 4 || name == 5) && Bit(entry, 7)) {
      return true;
    }
    const int first_free = maps_page && name == 3 ? 30 : maps_page && name == 2 ? 21 : 13;
    for (int bit = 13; bit < first_free; ++bit) {
      if (Bit(entry, bit)) {
        return true;
      }
    }
    return false;
  }

  // 4.6.1, one row for each paragraph: who, what, to which kind of page, and under what condition.
  static bool IsAllowed(const SdmControls& c, SdmAccess access, SdmMode mode, bool user_page,
                        bool rw, bool xd) {
    using Condition = bool (*)(const SdmControls&, bool rw, bool xd);
    struct Row {
      SdmMode mode;
      SdmAccess access;
      bool user_page;
      Condition allowed;
    };
    constexpr Condition kNever = [](const SdmControls&, bool, bool) { return false; };
    constexpr Condition kAlways = [](const SdmControls&, bool, bool) { return true; };
    constexpr Condition kIfRw = [](const SdmControls&, bool w, bool) { return w; };
    constexpr Condition kIfRwOrNoWp = [](const SdmControls& s, bool w, bool) { return !s.wp || w; };
    constexpr Condition kIfNotXd = [](const SdmControls& s, bool, bool x) { return !(s.nxe && x); };
    static constexpr Row kRows[] = {
        {SdmMode::kUser, SdmAccess::kRead, true, kAlways},
        {SdmMode::kUser, SdmAccess::kRead, false, kNever},
        {SdmMode::kUser, SdmAccess::kWrite, true, kIfRw},
        {SdmMode::kUser, SdmAccess::kWrite, false, kNever},
        {SdmMode::kUser, SdmAccess::kFetch, true, kIfNotXd},
        {SdmMode::kUser, SdmAccess::kFetch, false, kNever},
        {SdmMode::kSupervisorExplicit, SdmAccess::kRead, false, kAlways},
        {SdmMode::kSupervisorExplicit, SdmAccess::kRead, true,
         [](const SdmControls& s, bool, bool) { return !s.smap || s.ac; }},
        {SdmMode::kSupervisorExplicit, SdmAccess::kWrite, false, kIfRwOrNoWp},
        {SdmMode::kSupervisorExplicit, SdmAccess::kWrite, true,
         [](const SdmControls& s, bool w, bool) { return (!s.smap || s.ac) && (!s.wp || w); }},
        {SdmMode::kSupervisorExplicit, SdmAccess::kFetch, false, kIfNotXd},
        {SdmMode::kSupervisorExplicit, SdmAccess::kFetch, true,
         [](const SdmControls& s, bool, bool x) { return !s.smep && !(s.nxe && x); }},
        {SdmMode::kSupervisorImplicit, SdmAccess::kRead, false, kAlways},
        {SdmMode::kSupervisorImplicit, SdmAccess::kRead, true,
         [](const SdmControls& s, bool, bool) { return !s.smap; }},
        {SdmMode::kSupervisorImplicit, SdmAccess::kWrite, false, kIfRwOrNoWp},
        {SdmMode::kSupervisorImplicit, SdmAccess::kWrite, true,
         [](const SdmControls& s, bool w, bool) { return !s.smap && (!s.wp || w); }},
    };
    for (const Row& row : kRows) {
      if (row.mode == mode && row.access == access && row.user_page == user_page) {
        return row.allowed(c, rw, xd);
      }
    }
    return false;  // There are no implicit fetches.
  }

  // 4.6.2.
  static bool KeyForbids(const SdmControls& c, SdmAccess access, SdmMode mode, bool user_page,
                         unsigned key) {
    if (access == SdmAccess::kFetch || !(user_page ? c.pke : c.pks)) {
      return false;
    }
    const std::uint32_t rights = user_page ? c.pkru : c.pkrs;
    const bool ad = Bit(rights, static_cast<int>(2 * key));
    const bool wd = Bit(rights, static_cast<int>(2 * key + 1));
    const bool is_write = access == SdmAccess::kWrite;
    return ad || (wd && is_write && (mode == SdmMode::kUser || c.wp));
  }

  std::function<std::uint64_t(std::uint64_t)> read_;
};

}  // namespace pageward::testing_support
