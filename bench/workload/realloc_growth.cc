// Question: what does it cost when buffers grow, by doubling and by appending, from bytes to tens
// of MiB? An allocator may grow a block where it stands, move its pages, or copy it.
//
// One thread; every byte that was asked for is written, and what realloc moved is read back.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bench/workload/support.h"

namespace workload = pageward::workload;

namespace {

constexpr std::size_t kKib = 1024;
constexpr std::size_t kMib = 1024 * kKib;

// A buffer as C programs keep it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  void Resize(std::size_t size_bytes) {
    auto* data = static_cast<unsigned char*>(std::realloc(data_, size_bytes));
    if (data == nullptr) {
      workload::Fail("realloc returned no memory");
    }
    data_ = data;
    if (size_bytes > size_) {
      std::memset(data_ + size_, static_cast<int>(size_bytes >> 8 & 0xff), size_bytes - size_);
    }
    size_ = size_bytes;
  }

  std::uint64_t Read() const {
    std::uint64_t sum = size_;
    for (std::size_t offset = 0; offset < size_; offset += 512) {
      sum = workload::Mix(sum + data_[offset]);
    }
    return sum;
  }

 private:
  unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
};

// An input of unknown length, read into a buffer that doubles.
std::uint64_t GrowByDoubling(std::size_t last_bytes) {
  Buffer buffer;
  for (std::size_t size = 64; size <= last_bytes; size *= 2) {
    buffer.Resize(size);
  }
  buffer.Resize(last_bytes / 2 + 4097);  // Shrunk to what was read.
  return buffer.Read();
}

// A log or an output that is extended by the piece.
std::uint64_t GrowByAppending(std::size_t step_bytes, std::size_t last_bytes) {
  Buffer buffer;
  for (std::size_t size = step_bytes; size <= last_bytes; size += step_bytes) {
    buffer.Resize(size);
  }
  return buffer.Read();
}

std::uint64_t GrowVector(std::size_t count, workload::Prng& prng) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t index = 0; index < count; ++index) {
    numbers.push_back(prng.Next());
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t number : numbers) {
    sum = sum * 31 + number;
  }
  return sum;
}

std::uint64_t GrowString(std::size_t last_bytes, workload::Prng& prng) {
  std::string text;
  while (text.size() < last_bytes) {
    const std::uint64_t length = prng.Between(8, 120);
    text.append(length, static_cast<char>('a' + prng.Below(26)));
  }
  return std::hash<std::string>()(text);
}

// Many short vectors that grow at the same time, so that none has room where it stands.
std::uint64_t GrowSideBySide(std::size_t vectors, std::size_t elements, workload::Prng& prng) {
  std::vector<std::vector<std::uint32_t>> rows(vectors);
  for (std::size_t step = 0; step < vectors * elements; ++step) {
    rows[prng.Below(vectors)].push_back(static_cast<std::uint32_t>(step));
  }
  std::uint64_t sum = 0;
  for (const std::vector<std::uint32_t>& row : rows) {
    sum = workload::Mix(sum + row.size() + (row.empty() ? 0 : row.back()));
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t rounds = arguments.Get("rounds", 3);
  const std::uint64_t last_bytes = arguments.Get("mib", 32) * kMib;
  arguments.CheckAllUsed();

  workload::Prng prng(4);
  std::uint64_t checksum = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    checksum = workload::Mix(checksum + GrowByDoubling(last_bytes));
    checksum = workload::Mix(checksum + GrowByAppending(64 * kKib, last_bytes / 2));
    checksum = workload::Mix(checksum + GrowByAppending(4 * kKib, last_bytes / 16));
    checksum = workload::Mix(checksum + GrowVector(last_bytes / 8, prng));
    checksum = workload::Mix(checksum + GrowString(last_bytes, prng));
    checksum = workload::Mix(checksum + GrowSideBySide(1000, last_bytes / 32'768, prng));
  }
  workload::Report("realloc_growth", checksum, rounds);
}
