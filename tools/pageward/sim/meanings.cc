#include "tools/pageward/sim/meanings.h"

namespace pageward::tool {

std::string_view MeaningOf(sim::Primitive primitive) {
  switch (primitive) {
    case sim::Primitive::kTableWrite:
      return "entries of page tables written";
    case sim::Primitive::kKeyRegisterWrite:
      return "writes of the register with the kernel's key rights";
    case sim::Primitive::kPageFlush:
      return "single pages flushed from a TLB, on any processor";
    case sim::Primitive::kFullFlush:
      return "whole TLBs or address spaces flushed, on any processor";
    case sim::Primitive::kTableSwitch:
      return "switches to another page table";
    case sim::Primitive::kWalk:
      return "translations that no TLB had";
    case sim::Primitive::kFault:
      return "page faults, there and back";
    case sim::Primitive::kSystemCall:
      return "system calls, there and back";
    case sim::Primitive::kShootdown:
      return "times that other processors were interrupted and waited for";
    case sim::Primitive::kInterrupt:
      return "processors interrupted for that";
    case sim::Primitive::kFrameCleared:
      return "frames of 4 KiB cleared";
    case sim::Primitive::kFrameCopied:
      return "frames of 4 KiB copied";
    case sim::Primitive::kFrameAllocated:
      return "frames or blocks from the page allocator";
    case sim::Primitive::kFrameFreed:
      return "frames or blocks back to it";
    case sim::Primitive::kEntryPrepared:
      return "user entries whose frame was counted";
    case sim::Primitive::kCacheUpdate:
      return "folios put into the page cache or taken out";
    case sim::Primitive::kBlockMoved:
      return "pageblocks moved between free lists";
  }
  return "";
}

std::string_view MeaningOf(sim::Tally tally) {
  switch (tally) {
    case sim::Tally::kSplit:
      return "large mappings split into 512 smaller ones";
    case sim::Tally::kCollapse:
      return "smaller mappings made one large one";
    case sim::Tally::kTablePageTaken:
      return "pages that became page tables";
    case sim::Tally::kTablePageReturned:
      return "page tables that became pages again";
    case sim::Tally::kUnprotectedTable:
      return "page tables used without their key";
    case sim::Tally::kFlushEvent:
      return "ranges flushed, on one processor or many";
    case sim::Tally::kKeyChange:
      return "ranges of the direct map given another key";
    case sim::Tally::kPresenceChange:
      return "ranges taken out of the direct map or put back";
    case sim::Tally::kConversion:
      return "calls that convert pageblocks";
    case sim::Tally::kRefill:
      return "refills of the reserve of table pages";
    case sim::Tally::kNestedRefill:
      return "refills or protections inside of another";
    case sim::Tally::kWindowOpened:
      return "windows on hidden pages opened";
    case sim::Tally::kWindowClosed:
      return "and closed";
    case sim::Tally::kWindowFlush:
      return "flushes of stale windows";
    case sim::Tally::kFrameScrubbed:
      return "frames cleared before hidden memory became ordinary";
    case sim::Tally::kFrameMoved:
      return "frames moved by compaction";
    case sim::Tally::kCopyOnWrite:
      return "frames copied because two had them and one wrote";
    case sim::Tally::kOops:
      return "writes of the kernel that its own rights forbade";
  }
  return "";
}

}  // namespace pageward::tool
