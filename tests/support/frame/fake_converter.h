// A converter that remembers every step, knows what each frame holds and who could read it, and can
// be told to fail.
//
// Visibility takes effect in two steps, as on a machine: taking a mapping away leaves blocks
// reachable until the flush. So a missing flush is a frame that can be read, and not luck.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/frame/pageblock_converter.h"

namespace pageward::testing_support {

class FakeConverter final : public frame::PageblockConverter {
 public:
  enum class Kind : std::uint8_t { kScrub, kSet, kRestore, kFlush };

  struct Step {
    Kind kind;
    BlockRange blocks;
    frame::Freetype type;  ///< Of kSet and kRestore; else as default.

    friend bool operator==(const Step&, const Step&) = default;
  };

  /// A platform of `blocks` pageblocks, all mapped and zero.
  explicit FakeConverter(std::uint32_t blocks);

  // --- Switches -------------------------------------------------------------------------------

  void set_can_convert(bool value) { can_convert_ = value; }
  /// Lets the call of a fallible step that comes after `successes` more fail with `error`, once.
  void FailAfter(std::uint32_t successes, Error error);
  /// The same for the next SetVisibility(), which has changed `blocks` of its blocks by then.
  void FailSetAfterBlocks(std::uint32_t blocks, Error error);
  void StopFailing();
  /// Called at the start of each step, without any lock of this object.
  void set_observer(std::function<void(const Step&)> observer) { observer_ = std::move(observer); }

  // --- What the machine would show ------------------------------------------------------------

  /// Returns whether ordinary code can reach `frame`: it is mapped, or still cached as mapped.
  bool IsPresent(FrameNumber frame) const;
  /// Returns how `block` is set, whatever is cached. The mobility in it means nothing.
  frame::Freetype SettingOf(BlockNumber block) const;
  /// Writes something to `frame`, which later readers must not see.
  void Write(FrameNumber frame);
  bool IsZero(FrameNumber frame) const;
  std::uint32_t PresentFrames() const;
  /// The mappings of 1 GiB that have never been split.
  std::uint32_t LargeMappings() const;

  std::vector<Step> steps() const;
  void ForgetSteps();
  std::uint32_t CountOf(Kind kind) const;

  // --- frame::PageblockConverter --------------------------------------------------------------

  bool CanConvert() const override { return can_convert_; }
  Status Scrub(BlockRange blocks) override;
  Status SetVisibility(BlockRange blocks, frame::Freetype to) override;
  void RestoreVisibility(BlockRange blocks, frame::Freetype old) override;
  void Flush(BlockRange blocks) override;

 private:
  struct Block {
    frame::Freetype setting;
    bool is_cached_as_mapped = false;
    std::vector<bool> is_written = std::vector<bool>(kPageblockFrames);
  };

  void Note(const Step& step);
  std::optional<Error> NextFailure();
  void Set(BlockRange blocks, frame::Freetype type);

  mutable std::mutex mutex_;
  std::vector<Block> blocks_;
  std::vector<bool> is_large_;  // One for each 1 GiB.
  std::vector<Step> steps_;
  std::function<void(const Step&)> observer_;
  bool can_convert_ = true;
  std::optional<std::uint32_t> successes_left_;
  std::optional<std::uint32_t> set_blocks_left_;
  Error error_ = Error::kNoMemory;
};

/// Prints a step as, for example, "set 3+1 unmapped".
void PrintTo(const FakeConverter::Step& step, std::ostream* out);

}  // namespace pageward::testing_support

namespace pageward::frame {

/// Prints a freetype as, for example, "movable mapped" or "unmovable keyed 7".
void PrintTo(const Freetype& type, std::ostream* out);

}  // namespace pageward::frame
