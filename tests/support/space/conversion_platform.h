// Where conversions act, and eyes to see what they did: for the suite that every converter passes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/core/units.h"
#include "runtime/frame/pageblock_converter.h"

namespace pageward::testing_support {

/// A number of pageblocks, all mapped and zero at first, behind a converter.
///
/// Frames are looked at one by one, by really touching them where they are real.
class ConversionPlatform {
 public:
  virtual ~ConversionPlatform() = default;

  virtual frame::PageblockConverter& converter() = 0;

  /// Returns whether ordinary code can read `frame` at its home, and whether it can write to it;
  /// writing changes nothing that ReadHome() or ReadHidden() return.
  virtual bool IsReadable(FrameNumber frame) = 0;
  virtual bool IsWritable(FrameNumber frame) = 0;

  /// A mark in a frame: zero until it is written. Requires: the frame can be reached at home, or
  /// can't, respectively.
  virtual char ReadHome(FrameNumber frame) = 0;
  virtual void WriteHome(FrameNumber frame, char mark) = 0;
  virtual char ReadHidden(FrameNumber frame) = 0;
  virtual void WriteHidden(FrameNumber frame, char mark) = 0;

  /// Changes of mappings since the start, those that failed included.
  virtual std::uint32_t changes() = 0;

  /// Lets the next change of mappings fail before it did anything, or after the first half.
  virtual void FailChange() = 0;
  virtual void FailChangeHalfway() = 0;
  /// Called right after each change that took effect, before anybody else knows of it.
  virtual void set_observer(std::function<void()> observer) = 0;
};

/// Makes a platform of `blocks` pageblocks, or none if this machine has no such thing.
using MakePlatform = std::unique_ptr<ConversionPlatform> (*)(std::uint32_t blocks);

/// The model in memory that the tests of the page allocator use.
std::unique_ptr<ConversionPlatform> MakeFakePlatform(std::uint32_t blocks);
/// Real memory: memfd_create(2), memfd_secret(2).
std::unique_ptr<ConversionPlatform> MakeSharedPlatform(std::uint32_t blocks);
std::unique_ptr<ConversionPlatform> MakeSecretPlatform(std::uint32_t blocks);

}  // namespace pageward::testing_support
