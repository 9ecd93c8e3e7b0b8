// Question: what does it cost when blocks of megabytes come and go, as images, matrices and I/O
// buffers do? Their pages are fresh each time unless the allocator keeps some; keeping costs RSS.
//
// One thread, 256 KiB to 32 MiB with every power of two equally often, ten blocks live, every page
// written once and read once.
#include <array>

#include "bench/workload/support.h"

namespace workload = pageward::workload;

namespace {

struct LargeBlock {
  unsigned char* data = nullptr;
  std::size_t size_bytes = 0;
  std::uint64_t stamp = 0;
};

LargeBlock Allocate(workload::Prng& prng) {
  // The last power of two is 16 MiB, so sizes end just below 32 MiB.
  LargeBlock block{nullptr, prng.LogUniform(18, 24), prng.Next()};
  block.data = static_cast<unsigned char*>(std::malloc(block.size_bytes));
  if (block.data == nullptr) {
    workload::Fail("malloc returned no memory");
  }
  workload::TouchPages(block.data, block.size_bytes, block.stamp);
  return block;
}

std::uint64_t Free(const LargeBlock& block) {
  const std::uint64_t sum = workload::ReadPages(block.data, block.size_bytes, block.stamp);
  std::free(block.data);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t operations = arguments.Get("operations", 200);
  arguments.CheckAllUsed();

  workload::Prng prng(5);
  std::array<LargeBlock, 10> blocks;
  std::uint64_t checksum = 0;
  for (LargeBlock& block : blocks) {
    block = Allocate(prng);
  }
  for (std::uint64_t step = 0; step < operations; ++step) {
    LargeBlock& block = blocks[prng.Below(blocks.size())];
    checksum += Free(block);
    block = Allocate(prng);
  }
  for (const LargeBlock& block : blocks) {
    checksum += Free(block);
  }
  workload::Report("large_blocks", checksum, operations + blocks.size());
}
