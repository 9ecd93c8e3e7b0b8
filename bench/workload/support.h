// What every pattern program needs: arguments, random numbers that are the same everywhere, blocks
// that notice when somebody else writes into them, and the one line that a program ends with.
//
// A program does a fixed amount of work and prints
//   <name> checksum=<16 hex digits> operations=<number>
// The checksum depends on what was stored and read back and not on addresses, timing or the order
// of threads, so it is the same under every allocator that works.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace pageward::workload {

/// Ends the program with a message on stderr and exit status 1.
[[noreturn]] void Fail(std::string_view message);

/// Mixes the bits of `value`; different values give different results.
constexpr std::uint64_t Mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

/// A random number generator (SplitMix64) whose sequence follows from its seed alone.
class Prng {
 public:
  explicit Prng(std::uint64_t seed) : state_(Mix(seed)) {}

  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    return Mix(state_);
  }

  /// Returns a number in [0, bound). Requires: bound is below 2^32.
  std::uint64_t Below(std::uint64_t bound) { return ((Next() >> 32) * bound) >> 32; }

  /// Returns a number in [first, last].
  std::uint64_t Between(std::uint64_t first, std::uint64_t last) {
    return first + Below(last - first + 1);
  }

  /// Returns a number in [2^first_log2, 2^(last_log2 + 1)), each power of two equally often.
  std::uint64_t LogUniform(unsigned first_log2, unsigned last_log2) {
    const std::uint64_t base = std::uint64_t{1} << Between(first_log2, last_log2);
    return base + Below(base);
  }

 private:
  std::uint64_t state_;
};

/// The arguments of a program: `name=number`, each of them optional.
class Arguments {
 public:
  Arguments(int argc, char** argv) : argc_(argc), argv_(argv) {}

  /// Returns the number given for `name`, or `otherwise`.
  std::uint64_t Get(std::string_view name, std::uint64_t otherwise);

  /// Ends the program if an argument was given that no Get() asked for.
  void CheckAllUsed() const;

 private:
  int argc_;
  char** argv_;
  std::uint64_t used_ = 0;
};

/// A block of memory with its size and what was written into it.
struct Block {
  unsigned char* data = nullptr;
  std::size_t size_bytes = 0;
  std::uint64_t stamp = 0;
};

/// Allocates a block with malloc and writes `stamp` into its first bytes and its last one.
/// Ends the program if there is no memory.
[[nodiscard]] Block AllocateBlock(std::size_t size_bytes, std::uint64_t stamp);

/// Returns what the block holds, as a contribution to the checksum.
/// Ends the program if that is not what was written.
[[nodiscard]] std::uint64_t ReadBlock(const Block& block);

/// Reads the block and frees it.
[[nodiscard]] std::uint64_t FreeBlock(const Block& block);

/// Writes one word into each page of [data, data + size_bytes) and into the last word.
void TouchPages(unsigned char* data, std::size_t size_bytes, std::uint64_t stamp);

/// Reads what TouchPages() wrote; ends the program if it is something else.
[[nodiscard]] std::uint64_t ReadPages(const unsigned char* data, std::size_t size_bytes,
                                      std::uint64_t stamp);

/// Prints the line that the harness compares.
void Report(std::string_view name, std::uint64_t checksum, std::uint64_t operations);

}  // namespace pageward::workload
