// How the pattern programs hand blocks from one thread to another: batches of linked messages
// through a bounded queue. A message is its own link, so that the receiver need not allocate.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "bench/workload/support.h"

namespace pageward::workload {

/// The beginning of a message; what follows it is payload.
struct Message {
  Message* next;
  std::uint64_t size_bytes;
  std::uint64_t stamp;
};

/// Allocates a message of `size_bytes` in all and writes its header and its last byte.
/// Requires: size_bytes is above sizeof(Message).
[[nodiscard]] inline Message* AllocateMessage(std::size_t size_bytes, std::uint64_t stamp) {
  auto* message = static_cast<Message*>(std::malloc(size_bytes));
  if (message == nullptr) {
    Fail("malloc returned no memory");
  }
  *message = Message{nullptr, size_bytes, stamp};
  reinterpret_cast<unsigned char*>(message)[size_bytes - 1] = static_cast<unsigned char>(~stamp);
  return message;
}

/// Frees a message and returns its contribution to the checksum.
[[nodiscard]] inline std::uint64_t FreeMessage(Message* message) {
  const std::size_t size_bytes = message->size_bytes;
  const std::uint64_t stamp = message->stamp;
  if (reinterpret_cast<const unsigned char*>(message)[size_bytes - 1] !=
      static_cast<unsigned char>(~stamp)) {
    Fail("a message does not hold what was written into it");
  }
  std::free(message);
  return Mix(stamp + size_bytes);
}

/// A queue of batches that holds a bounded number of them. Thread safe.
class Mailbox {
 public:
  explicit Mailbox(std::size_t capacity) : capacity_(capacity) {}

  /// Puts a batch, the first of linked messages; waits while the mailbox is full.
  void Put(Message* batch) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [this] { return batches_.size() < capacity_; });
    batches_.push_back(batch);
    has_batch_.notify_one();
  }

  /// Takes the oldest batch; waits for one. Returns nothing once the mailbox is closed and empty.
  [[nodiscard]] Message* Take() {
    std::unique_lock lock(mutex_);
    has_batch_.wait(lock, [this] { return !batches_.empty() || is_closed_; });
    if (batches_.empty()) {
      return nullptr;
    }
    Message* batch = batches_.front();
    batches_.pop_front();
    has_room_.notify_one();
    return batch;
  }

  /// Says that nothing more will be put.
  void Close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    has_batch_.notify_all();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable has_room_;
  std::condition_variable has_batch_;
  std::deque<Message*> batches_;
  bool is_closed_ = false;
};

}  // namespace pageward::workload
