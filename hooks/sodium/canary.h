// What stands before each guarded object, to show that somebody has written there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "runtime/core/address.h"
#include "runtime/os/os.h"

namespace pageward::hooks {

/// Sixteen secret bytes, other ones for each address: what was read before one object is no canary
/// of another.
class Canary {
 public:
  static constexpr std::size_t kBytes = 16;

  constexpr Canary() = default;

  /// Draws the secret of this process.
  void Draw(os::Os& os) { os.GetRandom(std::as_writable_bytes(std::span(secret_))); }

  /// Writes the canary of the object at `object` before it.
  void WriteBefore(VirtAddr object) const {
    const Words words = WordsOf(object);
    std::memcpy((object - kBytes).AsPointer(), &words, kBytes);
  }

  /// Returns whether it stands there still. Takes as long wherever it differs.
  bool IsIntactBefore(VirtAddr object) const {
    const Words expected = WordsOf(object);
    Words found;
    std::memcpy(&found, (object - kBytes).AsPointer(), kBytes);
    return ((expected.first ^ found.first) | (expected.second ^ found.second)) == 0;
  }

 private:
  struct Words {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };
  static_assert(sizeof(Words) == kBytes);

  Words WordsOf(VirtAddr object) const { return {secret_[0] ^ object.value(), secret_[1]}; }

  std::uint64_t secret_[2] = {};
};

}  // namespace pageward::hooks
