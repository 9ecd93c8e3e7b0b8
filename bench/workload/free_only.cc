// Question: what does it cost to be a thread that only ever frees, as writers of logs and threads
// that clean up are? It never allocates, so whatever the allocator keeps for a thread only fills.
//
// Two threads allocate messages of 24 to 1047 bytes, two others free them, 64 at a time.
#include <array>
#include <thread>
#include <vector>

#include "bench/workload/mailbox.h"

namespace workload = pageward::workload;

namespace {

constexpr std::uint64_t kPairs = 2;
constexpr std::uint64_t kBatch = 64;

void AllocateOnly(workload::Mailbox& mailbox, std::uint64_t batches, std::uint64_t seed) {
  workload::Prng prng(seed);
  for (std::uint64_t sent = 0; sent < batches; ++sent) {
    workload::Message* first = nullptr;
    for (std::uint64_t made = 0; made < kBatch; ++made) {
      const std::size_t size_bytes = 25 + (prng.Below(1024) >> prng.Below(5));
      workload::Message* message = workload::AllocateMessage(size_bytes, prng.Next());
      message->next = first;
      first = message;
    }
    mailbox.Put(first);
  }
  mailbox.Close();
}

void FreeOnly(workload::Mailbox& mailbox, std::uint64_t& checksum) {
  std::uint64_t sum = 0;
  while (workload::Message* message = mailbox.Take()) {
    while (message != nullptr) {
      workload::Message* next = message->next;
      sum += workload::FreeMessage(message);
      message = next;
    }
  }
  checksum = sum;
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t batches = arguments.Get("batches", 40'000);
  arguments.CheckAllUsed();

  std::deque<workload::Mailbox> mailboxes;
  std::array<std::uint64_t, kPairs> sums{};
  std::vector<std::thread> threads;
  for (std::uint64_t index = 0; index < kPairs; ++index) {
    workload::Mailbox& mailbox = mailboxes.emplace_back(std::size_t{32});
    threads.emplace_back(FreeOnly, std::ref(mailbox), std::ref(sums[index]));
    threads.emplace_back(AllocateOnly, std::ref(mailbox), batches / kPairs, 20 + index);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::uint64_t checksum = 0;
  for (const std::uint64_t sum : sums) {
    checksum += sum;
  }
  workload::Report("free_only", checksum, batches / kPairs * kPairs * kBatch);
}
