#include "hooks/preload/own_data.h"

#include <link.h>

#include "hooks/preload/start.h"
#include "runtime/core/bits.h"
#include "runtime/core/units.h"

namespace pageward::hooks {
namespace {

// The linker defines them: the start of this library's image, and of the section of open pages.
extern "C" [[gnu::visibility("hidden")]] const ElfW(Ehdr) __ehdr_start;
extern "C" [[gnu::visibility("hidden")]] const char __start_pageward_open[];
extern "C" [[gnu::visibility("hidden")]] const char __stop_pageward_open[];

VirtRange Between(VirtAddr begin, VirtAddr end) {
  return VirtRange{begin, end > begin ? end - begin : 0};
}

// What is writable: the last loaded segment, behind what the loader has made read-only again. Both
// it and the loader work on whole pages. Source: _dl_protect_relro() in elf/dl-reloc.c.
VirtRange WritableData() {
  const auto* image = reinterpret_cast<const char*>(&__ehdr_start);
  const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(image + __ehdr_start.e_phoff);
  VirtAddr begin = VirtAddr::Of(image);
  VirtAddr end = begin;
  VirtAddr read_only_end = begin;
  for (unsigned i = 0; i < __ehdr_start.e_phnum; ++i) {
    const ElfW(Phdr)& header = headers[i];
    const VirtAddr first = VirtAddr::Of(image) + header.p_vaddr;
    const VirtAddr last = first + header.p_memsz;
    if (header.p_type == PT_LOAD && (header.p_flags & PF_W) != 0) {
      begin = VirtAddr(AlignDown(first.value(), kFrameBytes));
      end = VirtAddr(AlignUp(last.value(), kFrameBytes));
    } else if (header.p_type == PT_GNU_RELRO) {
      read_only_end = VirtAddr(AlignDown(last.value(), kFrameBytes));
    }
  }
  return Between(begin > read_only_end ? begin : read_only_end, end);
}

}  // namespace

std::size_t FindOwnData(std::span<VirtRange> pieces) {
  const VirtRange section =
      Between(VirtAddr::Of(__start_pageward_open), VirtAddr::Of(__stop_pageward_open));
  const VirtRange bootstrap = {VirtAddr::Of(&g_bootstrap_heap), sizeof(g_bootstrap_heap)};
  static_assert(alignof(BootstrapHeap) % kFrameBytes == 0);
  const bool in_order = section.begin < bootstrap.begin;
  const VirtRange holes[] = {in_order ? section : bootstrap, in_order ? bootstrap : section};
  const VirtRange all = WritableData();
  std::size_t count = 0;
  VirtAddr at = all.begin;
  for (const VirtRange& hole : holes) {
    if (hole.begin > at) {
      pieces[count++] = Between(at, hole.begin);
    }
    at = hole.end();
  }
  if (all.end() > at) {
    pieces[count++] = Between(at, all.end());
  }
  return count;
}

}  // namespace pageward::hooks
