// Question: what does it cost when one thread allocates what another frees, as in pipelines and
// event loops with workers, while both also allocate for themselves?
//
// Two producers, two consumers, messages of 32 to 2079 bytes in batches of 64, at most 32 batches
// on their way. A consumer makes a reply of its own for each message, and keeps the last 512.
#include <array>
#include <thread>
#include <vector>

#include "bench/workload/mailbox.h"

namespace workload = pageward::workload;

namespace {

constexpr std::uint64_t kThreads = 2;
constexpr std::uint64_t kBatch = 64;
constexpr std::size_t kReplies = 512;

void Produce(workload::Mailbox& mailbox, std::uint64_t batches, std::uint64_t seed) {
  workload::Prng prng(seed);
  for (std::uint64_t sent = 0; sent < batches; ++sent) {
    workload::Message* first = nullptr;
    for (std::uint64_t made = 0; made < kBatch; ++made) {
      const std::size_t size_bytes = 32 + (prng.Below(2048) >> prng.Below(6));
      workload::Message* message = workload::AllocateMessage(size_bytes, prng.Next());
      message->next = first;
      first = message;
    }
    mailbox.Put(first);
  }
}

void Consume(workload::Mailbox& mailbox, std::uint64_t& checksum) {
  std::array<workload::Block, kReplies> replies;
  std::size_t oldest = 0;
  std::uint64_t sum = 0;
  while (workload::Message* message = mailbox.Take()) {
    while (message != nullptr) {
      workload::Message* next = message->next;
      workload::Block& reply = replies[oldest];
      if (reply.data != nullptr) {
        sum += workload::FreeBlock(reply);
      }
      reply = workload::AllocateBlock(16 + message->size_bytes / 8, message->stamp);
      oldest = (oldest + 1) % kReplies;
      sum += workload::FreeMessage(message);
      message = next;
    }
  }
  for (const workload::Block& reply : replies) {
    if (reply.data != nullptr) {
      sum += workload::FreeBlock(reply);
    }
  }
  checksum = sum;
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t batches = arguments.Get("batches", 50'000);
  arguments.CheckAllUsed();

  workload::Mailbox mailbox(32);
  std::array<std::uint64_t, kThreads> sums{};
  std::vector<std::thread> consumers;
  std::vector<std::thread> producers;
  for (std::uint64_t index = 0; index < kThreads; ++index) {
    consumers.emplace_back(Consume, std::ref(mailbox), std::ref(sums[index]));
    producers.emplace_back(Produce, std::ref(mailbox), batches / kThreads, 10 + index);
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  mailbox.Close();
  for (std::thread& consumer : consumers) {
    consumer.join();
  }
  std::uint64_t checksum = 0;
  for (const std::uint64_t sum : sums) {
    checksum += sum;
  }
  workload::Report("producer_consumer", checksum, batches / kThreads * kThreads * kBatch);
}
