// Where the numbers of a random program come from: a seed, or the bytes of a fuzzer.
#pragma once

#include <cstdint>
#include <span>

#include "tests/support/ptable/random.h"

namespace pageward::testing_support {

class NumberSource {
 public:
  virtual ~NumberSource() = default;
  /// Returns a number in [0, bound).
  virtual std::uint64_t Below(std::uint64_t bound) = 0;
  /// Returns whether there is no more than zeros to come.
  virtual bool IsEmpty() const = 0;

  bool OneIn(std::uint64_t times) { return Below(times) == 0; }
  std::uint64_t Word() { return Below(1u << 22) << 42 | Below(1u << 21) << 21 | Below(1u << 21); }
  template <typename Container>
  const auto& OneOf(const Container& choices) {
    return choices[Below(choices.size())];
  }
};

class SeededNumbers final : public NumberSource {
 public:
  explicit SeededNumbers(std::uint64_t seed) : random_(seed) {}
  std::uint64_t Below(std::uint64_t bound) override { return random_.Below(bound); }
  bool IsEmpty() const override { return false; }

 private:
  Random random_;
};

/// As many bytes for each number as its bound needs.
class ByteNumbers final : public NumberSource {
 public:
  explicit ByteNumbers(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint64_t Below(std::uint64_t bound) override {
    std::uint64_t number = 0;
    for (std::uint64_t rest = bound - 1; rest != 0 && !bytes_.empty(); rest >>= 8) {
      number = number << 8 | bytes_.front();
      bytes_ = bytes_.subspan(1);
    }
    return number % bound;
  }
  bool IsEmpty() const override { return bytes_.empty(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace pageward::testing_support
