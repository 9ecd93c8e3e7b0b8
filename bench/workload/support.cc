#include "bench/workload/support.h"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace pageward::workload {
namespace {

constexpr std::size_t kPageBytes = 4096;

// What ends a block: the low byte of the stamp, upside down, so that zeroed memory never fits.
unsigned char TailOf(std::uint64_t stamp) {
  return static_cast<unsigned char>(~stamp);
}

std::size_t HeadBytes(const Block& block) {
  return std::min(block.size_bytes - 1, sizeof(block.stamp));
}

}  // namespace

void Fail(std::string_view message) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  std::fflush(stderr);
  std::_Exit(1);
}

std::uint64_t Arguments::Get(std::string_view name, std::uint64_t otherwise) {
  for (int index = 1; index < argc_; ++index) {
    const std::string_view word = argv_[index];
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
      const std::string_view digits = word.substr(name.size() + 1);
      std::uint64_t value = 0;
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (error != std::errc() || end != digits.data() + digits.size() || value == 0) {
        Fail("an argument is not a positive number");
      }
      used_ |= std::uint64_t{1} << index;
      return value;
    }
  }
  return otherwise;
}

void Arguments::CheckAllUsed() const {
  for (int index = 1; index < argc_; ++index) {
    if (index >= 64 || (used_ >> index & 1) == 0) {
      std::fprintf(stderr, "unknown argument '%s'\n", argv_[index]);
      std::exit(2);
    }
  }
}

Block AllocateBlock(std::size_t size_bytes, std::uint64_t stamp) {
  Block block{static_cast<unsigned char*>(std::malloc(size_bytes)), size_bytes, stamp};
  if (block.data == nullptr) {
    Fail("malloc returned no memory");
  }
  std::memcpy(block.data, &stamp, HeadBytes(block));
  block.data[size_bytes - 1] = TailOf(stamp);
  return block;
}

std::uint64_t ReadBlock(const Block& block) {
  std::uint64_t head = block.stamp;
  std::memcpy(&head, block.data, HeadBytes(block));
  if (head != block.stamp || block.data[block.size_bytes - 1] != TailOf(block.stamp)) {
    Fail("a block does not hold what was written into it");
  }
  return Mix(head + block.size_bytes);
}

std::uint64_t FreeBlock(const Block& block) {
  const std::uint64_t sum = ReadBlock(block);
  std::free(block.data);
  return sum;
}

void TouchPages(unsigned char* data, std::size_t size_bytes, std::uint64_t stamp) {
  for (std::size_t offset = 0; offset + sizeof(stamp) <= size_bytes; offset += kPageBytes) {
    const std::uint64_t word = stamp + offset;
    std::memcpy(data + offset, &word, sizeof(word));
  }
  std::memcpy(data + size_bytes - sizeof(stamp), &stamp, sizeof(stamp));
}

std::uint64_t ReadPages(const unsigned char* data, std::size_t size_bytes, std::uint64_t stamp) {
  std::uint64_t sum = 0;
  std::uint64_t word = 0;
  const std::size_t last = size_bytes - sizeof(stamp);
  for (std::size_t offset = 0; offset + sizeof(word) <= last; offset += kPageBytes) {
    std::memcpy(&word, data + offset, sizeof(word));
    if (word != stamp + offset) {
      Fail("a page does not hold what was written into it");
    }
    sum += Mix(word);
  }
  std::memcpy(&word, data + last, sizeof(word));
  if (word != stamp) {
    Fail("the end of a block does not hold what was written into it");
  }
  return sum + Mix(size_bytes);
}

void Report(std::string_view name, std::uint64_t checksum, std::uint64_t operations) {
  std::printf("%.*s checksum=%016" PRIx64 " operations=%" PRIu64 "\n",
              static_cast<int>(name.size()), name.data(), checksum, operations);
}

}  // namespace pageward::workload
