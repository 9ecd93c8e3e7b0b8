// Table memory in an array, with eyes: it can log what happens and run something in between.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

#include "runtime/core/address.h"
#include "runtime/core/units.h"
#include "runtime/ptable/table_memory.h"

namespace pageward::testing_support {

/// Frames from kBase on, zero at first. Thread-safe while neither log nor interruption is in use.
class FakeTableMemory {
 public:
  /// High and unlikely, so that a host pointer or a plain offset shows at once.
  static constexpr PhysAddr kBase{0x5a'0000'0000};

  enum class Kind : std::uint8_t { kStore, kExchange };
  struct Write {
    Kind kind;
    PhysAddr at;
    std::uint64_t word;

    friend bool operator==(const Write&, const Write&) = default;
  };

  explicit FakeTableMemory(std::uint32_t frames) : words_(frames * (kFrameBytes / 8)) {}

  std::uint64_t Load(PhysAddr at) const { return Word(at).load(std::memory_order_acquire); }

  void Store(PhysAddr at, std::uint64_t word) {
    Note(Kind::kStore, at, word);
    Word(at).store(word, std::memory_order_release);
  }

  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    if (interruption_) {
      // Once, and the interruption may use the memory itself.
      const std::function<void()> interruption = std::exchange(interruption_, nullptr);
      interruption();
    }
    if (Word(at).compare_exchange_strong(expected, word, std::memory_order_acq_rel)) {
      Note(Kind::kExchange, at, word);
    }
    return expected;
  }

  /// Runs `interruption` just before the next exchange, as another thread could.
  void InterruptNextExchange(std::function<void()> interruption) {
    interruption_ = std::move(interruption);
  }

  void StartLog() {
    log_.clear();
    is_logging_ = true;
  }
  const std::vector<Write>& log() const { return log_; }

  std::uint32_t frames() const {
    return static_cast<std::uint32_t>(words_.size() / (kFrameBytes / 8));
  }
  static PhysAddr FrameAt(std::uint32_t index) {
    return kBase + std::uint64_t{index} * kFrameBytes;
  }
  bool Contains(PhysAddr at) const { return at >= kBase && at - kBase < words_.size() * 8; }

  void Fill(PhysAddr frame, std::uint64_t word) {
    for (std::uint64_t offset = 0; offset < kFrameBytes; offset += 8) {
      Word(frame + offset).store(word, std::memory_order_relaxed);
    }
  }
  bool IsFilledWith(PhysAddr frame, std::uint64_t word) const {
    for (std::uint64_t offset = 0; offset < kFrameBytes; offset += 8) {
      if (Load(frame + offset) != word) {
        return false;
      }
    }
    return true;
  }

  /// All words, to compare states.
  const std::vector<std::uint64_t>& words() const { return words_; }

 private:
  std::atomic_ref<std::uint64_t> Word(PhysAddr at) const {
    if (!Contains(at) || at.value() % 8 != 0) {
      throw std::out_of_range("no table memory at " + std::to_string(at.value()));
    }
    return std::atomic_ref<std::uint64_t>(words_[(at - kBase) / 8]);
  }

  void Note(Kind kind, PhysAddr at, std::uint64_t word) {
    if (is_logging_) {
      log_.push_back(Write{kind, at, word});
    }
  }

  mutable std::vector<std::uint64_t> words_;
  std::function<void()> interruption_;
  std::vector<Write> log_;
  bool is_logging_ = false;
};
static_assert(ptable::TableMemory<FakeTableMemory>);

}  // namespace pageward::testing_support
