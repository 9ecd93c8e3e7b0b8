// Conversion of whole pageblocks: begun and ended under the lock, made without it.
#include <algorithm>

#include "runtime/frame/page_allocator.h"

namespace pageward::frame {
namespace {

// Set while this thread is in the converter or the compactor. Whatever it allocates meanwhile comes
// from memory that is there, so conversions never nest.
constinit thread_local bool t_is_converting = false;

class ConversionScope {
 public:
  ConversionScope() {
    PW_ASSERT(!t_is_converting);
    t_is_converting = true;
  }
  ~ConversionScope() { t_is_converting = false; }
  ConversionScope(const ConversionScope&) = delete;
  ConversionScope& operator=(const ConversionScope&) = delete;
};

Status ChangeMappings(PageblockConverter& converter, const Conversion& conversion, Freetype to,
                      ConversionSteps& steps) {
  ConversionScope scope;
  return ConvertPageblocks(converter, conversion.blocks, conversion.from, to, steps);
}

}  // namespace

Result<Conversion> PageAllocator::BeginConversion(const RunShape& shape, Freetype wanted) {
  EnterToSplit();
  const Result<Conversion> begun = zone_.BeginConversion(shape, wanted);
  lock_.Unlock();
  return begun;
}

Result<Conversion> PageAllocator::BeginReturn(const Request& hidden) {
  MutexLock lock(lock_);
  return zone_.BeginReturn(hidden.freetype(), hidden.owner());
}

Result<FrameRange> PageAllocator::Finish(const Conversion& conversion, const Request& request,
                                         Status changed, const ConversionSteps& steps) {
  events_.flushes += steps.flushes;
  events_.scrubs += steps.scrubs;
  if (!changed.ok()) {
    ++events_.conversion_failures;
    zone_.Abort(conversion);
    return changed.error();
  }
  ++events_.conversions[request.freetype().visibility];
  events_.converted_blocks += conversion.blocks.count;
  return zone_.Commit(conversion, request.freetype(), request.owner());
}

Result<FrameRange> PageAllocator::ConvertFor(const RunShape& shape, const Request& request) {
  const Result<Conversion> begun = BeginConversion(shape, request.freetype());
  if (!begun.ok()) {
    return begun.error();
  }
  ConversionSteps steps;
  const Status changed = ChangeMappings(seams_.converter, *begun, request.freetype(), steps);
  MutexLock lock(lock_);
  const Result<FrameRange> converted = Finish(*begun, request, changed, steps);
  if (!converted.ok()) {
    return converted.error();
  }
  if (!begun->from.IsMapped()) {
    events_.reclaimed_blocks += begun->blocks.count;
  }
  const FrameRange run{converted->begin, shape.frames};
  zone_.MakeRun(run, request.freetype().mobility);
  zone_.FreeInHand(FrameRange{run.end(), converted->count - run.count});
  return run;
}

Result<FrameRange> PageAllocator::AllocateByConversion(const RunShape& shape,
                                                       const Request& request) {
  if (request.flags().ForbidsConversion() || t_is_converting) {
    return Error::kWouldBlock;
  }
  if (!seams_.converter.CanConvert()) {
    return Error::kNoMemory;
  }
  Result<FrameRange> run = ConvertFor(shape, request);
  const bool lacks_blocks = !run.ok() && run.error() == Error::kNoFrames;
  // Only hidden memory is worth moving contents for: mapped requests live with pieces.
  if (lacks_blocks && !request.freetype().IsMapped() && seams_.compactor != nullptr) {
    bool has_more = false;
    {
      ConversionScope scope;
      has_more = seams_.compactor->MakeFreeBlock(std::max(shape.order, kPageblockOrder));
    }
    {
      MutexLock lock(lock_);
      ++events_.compactions;
    }
    if (has_more) {
      run = ConvertFor(shape, request);
    }
  }
  WalkIfDue();
  return run;
}

std::uint32_t PageAllocator::ReturnFreeBlocks(const Request& hidden) {
  PW_ASSERT(Validate(hidden).ok() && !hidden.freetype().IsMapped());
  std::uint32_t returned = 0;
  const Request mapped = Request::Mapped(Mobility::kMovable);
  while (!t_is_converting && seams_.converter.CanConvert()) {
    const Result<Conversion> begun = BeginReturn(hidden);
    if (!begun.ok()) {
      break;
    }
    ConversionSteps steps;
    const Status changed = ChangeMappings(seams_.converter, *begun, mapped.freetype(), steps);
    MutexLock lock(lock_);
    const Result<FrameRange> converted = Finish(*begun, mapped, changed, steps);
    if (!converted.ok()) {
      break;
    }
    zone_.FreeInHand(*converted);
    returned += begun->blocks.count;
    events_.returned_blocks += begun->blocks.count;
  }
  WalkIfDue();
  return returned;
}

}  // namespace pageward::frame
