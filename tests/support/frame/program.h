// Programs for the model of the page allocator: operations as values that can be performed, drawn
// from any source of numbers, and printed as the C++ that makes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "tests/support/frame/model.h"

namespace pageward::testing_support {

namespace op {

struct Allocate {
  std::uint32_t order;
  MemoryKind kind;
  Via via;
  std::uint32_t flags;
  void Perform(FrameModel& model) const { model.Allocate(order, kind, via, flags); }
};
struct AllocateRun {
  std::uint32_t frames;
  std::uint32_t alignment;
  MemoryKind kind;
  std::uint32_t flags;
  void Perform(FrameModel& model) const { model.AllocateRun(frames, alignment, kind, flags); }
};
struct Free {
  std::uint32_t which;
  Via via;
  void Perform(FrameModel& model) const { model.Free(which, via); }
};
struct Grow {
  std::uint32_t which;
  std::uint32_t extra;
  void Perform(FrameModel& model) const { model.Grow(which, extra); }
};
struct Split {
  std::uint32_t which;
  std::uint32_t first;
  void Perform(FrameModel& model) const { model.Split(which, first); }
};
struct Merge {
  std::uint32_t which;
  void Perform(FrameModel& model) const { model.Merge(which); }
};
struct Isolate {
  std::uint32_t block;
  void Perform(FrameModel& model) const { model.Isolate(block); }
};
struct Unisolate {
  std::uint32_t block;
  void Perform(FrameModel& model) const { model.Unisolate(block); }
};
struct ReturnBlocks {
  MemoryKind kind;
  void Perform(FrameModel& model) const { model.ReturnBlocks(kind); }
};
struct TrimLeaf {
  std::uint32_t block;
  void Perform(FrameModel& model) const { model.TrimLeaf(block); }
};
struct Drain {
  void Perform(FrameModel& model) const { model.Drain(); }
};
struct AddBlocks {
  std::uint32_t count;
  void Perform(FrameModel& model) const { model.AddBlocks(count); }
};
struct FailConverter {
  std::uint32_t after;
  void Perform(FrameModel& model) const { model.FailConverter(after); }
};
struct FailSet {
  std::uint32_t blocks;
  void Perform(FrameModel& model) const { model.FailSet(blocks); }
};
struct FailLeaves {
  std::uint32_t after;
  void Perform(FrameModel& model) const { model.FailLeaves(after); }
};
struct StopFailing {
  void Perform(FrameModel& model) const { model.StopFailing(); }
};

}  // namespace op

using Operation =
    std::variant<op::Allocate, op::AllocateRun, op::Free, op::Grow, op::Split, op::Merge,
                 op::Isolate, op::Unisolate, op::ReturnBlocks, op::TrimLeaf, op::Drain,
                 op::AddBlocks, op::FailConverter, op::FailSet, op::FailLeaves, op::StopFailing>;
using Program = std::vector<Operation>;

/// Where the numbers of a program come from.
class Entropy {
 public:
  virtual ~Entropy() = default;
  /// Returns a number below `limit`, which is not 0.
  virtual std::uint32_t Below(std::uint32_t limit) = 0;
};

/// Numbers from a seed.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint32_t seed) : random_(seed) {}
  std::uint32_t Below(std::uint32_t limit) override {
    return static_cast<std::uint32_t>(random_() % limit);
  }

 private:
  std::mt19937 random_;
};

/// Numbers from bytes, as a fuzzer has them; 0 when they are used up.
class ByteEntropy final : public Entropy {
 public:
  explicit ByteEntropy(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint32_t Below(std::uint32_t limit) override;
  bool IsEmpty() const { return bytes_.empty(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

Operation Draw(Entropy& entropy);
void Perform(const Operation& operation, FrameModel& model);

/// Returns the program as a test that performs it, to be pasted as a regression test.
std::string SourceOf(const Program& program);

}  // namespace pageward::testing_support
