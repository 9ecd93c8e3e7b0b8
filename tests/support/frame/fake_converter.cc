#include "tests/support/frame/fake_converter.h"

#include <algorithm>
#include <ostream>

namespace pageward::testing_support {

using frame::Freetype;

namespace {

constexpr std::uint32_t kBlocksPerLargeMapping = kMaxOrder.frames().value / kPageblockFrames;

}  // namespace

FakeConverter::FakeConverter(std::uint32_t blocks)
    : blocks_(blocks), is_large_(blocks / kBlocksPerLargeMapping, true) {}

void FakeConverter::FailAfter(std::uint32_t successes, Error error) {
  std::lock_guard lock(mutex_);
  successes_left_ = successes;
  error_ = error;
}

void FakeConverter::FailSetAfterBlocks(std::uint32_t blocks, Error error) {
  std::lock_guard lock(mutex_);
  set_blocks_left_ = blocks;
  error_ = error;
}

void FakeConverter::StopFailing() {
  std::lock_guard lock(mutex_);
  successes_left_.reset();
  set_blocks_left_.reset();
}

bool FakeConverter::IsPresent(FrameNumber frame) const {
  std::lock_guard lock(mutex_);
  const Block& block = blocks_.at(frame.block().value);
  return block.setting.IsMapped() || block.is_cached_as_mapped;
}

Freetype FakeConverter::SettingOf(BlockNumber block) const {
  std::lock_guard lock(mutex_);
  return blocks_.at(block.value).setting;
}

void FakeConverter::Write(FrameNumber frame) {
  std::lock_guard lock(mutex_);
  blocks_.at(frame.block().value).is_written.at(frame.index_in_block()) = true;
}

bool FakeConverter::IsZero(FrameNumber frame) const {
  std::lock_guard lock(mutex_);
  return !blocks_.at(frame.block().value).is_written.at(frame.index_in_block());
}

std::uint32_t FakeConverter::PresentFrames() const {
  std::lock_guard lock(mutex_);
  const auto present = std::count_if(blocks_.begin(), blocks_.end(), [](const Block& block) {
    return block.setting.IsMapped() || block.is_cached_as_mapped;
  });
  return static_cast<std::uint32_t>(present) * kPageblockFrames;
}

std::uint32_t FakeConverter::LargeMappings() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::uint32_t>(std::count(is_large_.begin(), is_large_.end(), true));
}

std::vector<FakeConverter::Step> FakeConverter::steps() const {
  std::lock_guard lock(mutex_);
  return steps_;
}

void FakeConverter::ForgetSteps() {
  std::lock_guard lock(mutex_);
  steps_.clear();
}

std::uint32_t FakeConverter::CountOf(Kind kind) const {
  std::lock_guard lock(mutex_);
  return static_cast<std::uint32_t>(std::count_if(
      steps_.begin(), steps_.end(), [kind](const Step& step) { return step.kind == kind; }));
}

void FakeConverter::Note(const Step& step) {
  if (observer_) {
    observer_(step);
  }
  std::lock_guard lock(mutex_);
  steps_.push_back(step);
}

// Requires: the mutex is held.
std::optional<Error> FakeConverter::NextFailure() {
  if (!successes_left_.has_value()) {
    return std::nullopt;
  }
  if (*successes_left_ > 0) {
    --*successes_left_;
    return std::nullopt;
  }
  successes_left_.reset();
  return error_;
}

// Requires: the mutex is held.
void FakeConverter::Set(BlockRange blocks, Freetype type) {
  for (std::uint32_t i = 0; i < blocks.count; ++i) {
    const std::uint32_t number = blocks.begin.value + i;
    Block& block = blocks_.at(number);
    block.is_cached_as_mapped = block.is_cached_as_mapped || block.setting.IsMapped();
    block.setting = type;
    // A large mapping stays one only while all of it is set in one go.
    const std::uint32_t first = number / kBlocksPerLargeMapping * kBlocksPerLargeMapping;
    const bool is_whole =
        blocks.begin.value <= first && first + kBlocksPerLargeMapping <= blocks.end().value;
    if (number / kBlocksPerLargeMapping < is_large_.size() && !is_whole) {
      is_large_[number / kBlocksPerLargeMapping] = false;
    }
  }
}

Status FakeConverter::Scrub(BlockRange blocks) {
  Note(Step{Kind::kScrub, blocks, {}});
  std::lock_guard lock(mutex_);
  if (const auto error = NextFailure()) {
    return *error;
  }
  for (std::uint32_t i = 0; i < blocks.count; ++i) {
    blocks_.at(blocks.begin.value + i).is_written.assign(kPageblockFrames, false);
  }
  return {};
}

Status FakeConverter::SetVisibility(BlockRange blocks, Freetype to) {
  Note(Step{Kind::kSet, blocks, to});
  std::lock_guard lock(mutex_);
  if (set_blocks_left_.has_value()) {
    Set(BlockRange{blocks.begin, std::min(*set_blocks_left_, blocks.count)}, to);
    set_blocks_left_.reset();
    return error_;
  }
  if (const auto error = NextFailure()) {
    return *error;
  }
  Set(blocks, to);
  return {};
}

void FakeConverter::RestoreVisibility(BlockRange blocks, Freetype old) {
  Note(Step{Kind::kRestore, blocks, old});
  std::lock_guard lock(mutex_);
  Set(blocks, old);
}

void FakeConverter::Flush(BlockRange blocks) {
  Note(Step{Kind::kFlush, blocks, {}});
  std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < blocks.count; ++i) {
    blocks_.at(blocks.begin.value + i).is_cached_as_mapped = false;
  }
}

void PrintTo(const FakeConverter::Step& step, std::ostream* out) {
  static constexpr const char* kNames[] = {"scrub", "set", "restore", "flush"};
  *out << kNames[static_cast<unsigned>(step.kind)] << ' ' << step.blocks.begin.value << '+'
       << step.blocks.count << ' ';
  PrintTo(step.type, out);
}

}  // namespace pageward::testing_support

namespace pageward::frame {

void PrintTo(const Freetype& type, std::ostream* out) {
  static constexpr const char* kMobilities[] = {"unmovable", "movable", "reclaimable"};
  static constexpr const char* kVisibilities[] = {"mapped", "keyed", "unmapped"};
  *out << kMobilities[static_cast<unsigned>(type.mobility)] << ' '
       << kVisibilities[static_cast<unsigned>(type.visibility)];
  if (type.owner != kNoOwner) {
    *out << ' ' << type.owner.value;
  }
}

}  // namespace pageward::frame
