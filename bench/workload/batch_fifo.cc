// Question: what does it cost to build a large structure and to take it down again in the order in
// which it was built, as compilers, parsers and queries do with each unit of their work?
//
// One thread, lists of C++ objects of five sizes between 24 and 232 bytes, about 50 MiB a batch.
#include <array>
#include <memory>

#include "bench/workload/support.h"

namespace workload = pageward::workload;

namespace {

struct Node {
  explicit Node(std::uint64_t number) : value(number) {}
  virtual ~Node() = default;
  std::uint64_t value;
  Node* next = nullptr;
};

template <std::size_t kWords>
struct SizedNode final : Node {
  explicit SizedNode(std::uint64_t number) : Node(number) { words.fill(number); }
  std::array<std::uint64_t, kWords> words;
};

std::unique_ptr<Node> MakeNode(workload::Prng& prng) {
  const std::uint64_t value = prng.Next();
  switch (value % 8) {
    case 0:
    case 1:
      return std::make_unique<Node>(value);
    case 2:
    case 3:
      return std::make_unique<SizedNode<3>>(value);
    case 4:
    case 5:
      return std::make_unique<SizedNode<7>>(value);
    case 6:
      return std::make_unique<SizedNode<13>>(value);
    default:
      return std::make_unique<SizedNode<26>>(value);
  }
}

std::uint64_t RunBatch(std::uint64_t count, workload::Prng& prng) {
  Node* first = nullptr;
  Node** link = &first;
  for (std::uint64_t made = 0; made < count; ++made) {
    *link = MakeNode(prng).release();
    link = &(*link)->next;
  }
  std::uint64_t sum = 0;
  while (first != nullptr) {
    const std::unique_ptr<Node> node(first);
    sum += workload::Mix(node->value);
    first = node->next;
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t batches = arguments.Get("batches", 10);
  const std::uint64_t count = arguments.Get("objects", 500'000);
  arguments.CheckAllUsed();

  workload::Prng prng(3);
  std::uint64_t checksum = 0;
  for (std::uint64_t batch = 0; batch < batches; ++batch) {
    checksum += RunBatch(count, prng);
  }
  workload::Report("batch_fifo", checksum, batches * count);
}
