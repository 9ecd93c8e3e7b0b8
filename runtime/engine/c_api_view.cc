// The C functions of pageward/view.h.
#include <pageward/view.h>

#include "runtime/engine/c_api.h"
#include "runtime/engine/process_pool.h"
#include "runtime/keys/gate.h"

namespace pageward::engine {
namespace {

// As elsewhere, but for two that a pool means otherwise: its frames are all the memory it has, and
// it is descriptors that would block.
pageward_status StatusOf(Error error) {
  switch (error) {
    case Error::kNoFrames:
      return PAGEWARD_NO_MEMORY;
    case Error::kWouldBlock:
      return PAGEWARD_UNSUPPORTED;
    default:
      return engine::StatusFor(error);
  }
}

template <typename T>
pageward_status StatusOf(const Result<T>& result) {
  return result.ok() ? PAGEWARD_OK : StatusOf(result.error());
}

pageward_status StatusOf(const std::optional<Error>& refusal) {
  return refusal ? StatusOf(*refusal) : PAGEWARD_OK;
}

// As `result` says, but that what a parent process has left behind is said to be gone.
template <typename T>
pageward_status StatusFor(UnmappedPool& pool, pageward_unmapped memory, const Result<T>& result) {
  if (!result.ok() && result.error() == Error::kInvalid &&
      pool.IsOfParent(UnmappedHandle{memory.value})) {
    return PAGEWARD_GONE;
  }
  return StatusOf(result);
}

Engine* EngineOfProcess() {
  return static_cast<Engine*>(pageward_engine_of_process(PAGEWARD_VERSION));
}

Result<UnmappedPool*> PoolOfProcess() {
  if (UnmappedPool* pool = FindProcessPool()) [[likely]] {
    return pool;
  }
  Engine* engine = EngineOfProcess();
  return engine != nullptr ? ProcessPool(engine->os(), engine->keys()) : Error::kUnsupported;
}

// What a call works with.
struct Surroundings {
  UnmappedPool* pool = nullptr;
  ThreadViews* views = nullptr;
};

Result<Surroundings> Prepare() {
  const Result<UnmappedPool*> pool = PoolOfProcess();
  if (!pool.ok()) {
    return pool.error();
  }
  const Result<ThreadViews*> views = PrepareThisThread(**pool);
  if (!views.ok()) {
    return views.error();
  }
  return Surroundings{*pool, *views};
}

pageward_view ViewOf(const space::ViewHandle& handle, std::size_t offset, std::size_t bytes) {
  const VirtRange range = handle.range();
  return pageward_view{.data = range.begin.AsPointer<char>() + offset % kFrameBytes,
                       .size = bytes,
                       .reserved = {VirtAddr::Of(handle.region()).value(), handle.ticket(),
                                    range.begin.value(), range.bytes}};
}

space::ViewHandle HandleOf(const pageward_view& view) {
  return space::ViewHandle(VirtRange{VirtAddr(view.reserved[2]), view.reserved[3]},
                           VirtAddr(view.reserved[0]).AsPointer<const void>(), view.reserved[1]);
}

enum class Slot : std::uint8_t { kOrdinary, kReserved };

pageward_status GetView(Slot slot, pageward_unmapped memory, std::size_t offset, std::size_t bytes,
                        pageward_view_access access, pageward_view* view, const void* site) {
  ThreadViews* views = ThisThreadsViews();
  const bool is_known = access == PAGEWARD_VIEW_READ_ONLY || access == PAGEWARD_VIEW_READ_WRITE;
  if (!is_known || view == nullptr) {
    return PAGEWARD_INVALID;
  }
  if (views == nullptr) {
    // Not made here: getting a view takes no memory.
    const Result<UnmappedPool*> pool = PoolOfProcess();
    return pool.ok() ? StatusFor(**pool, memory, Status(Error::kInvalid)) : PAGEWARD_INVALID;
  }
  UnmappedPool& pool = *FindProcessPool();
  const UnmappedPool::Part part{UnmappedHandle{memory.value}, offset, bytes};
  const auto how = access == PAGEWARD_VIEW_READ_ONLY ? space::ViewAccess::kReadOnly
                                                     : space::ViewAccess::kReadWrite;
  const Result<space::ViewHandle> handle = slot == Slot::kOrdinary
                                               ? pool.Get(*views, part, how, site)
                                               : pool.GetReserved(*views, part, how, site);
  if (!handle.ok()) {
    return StatusFor(pool, memory, handle);
  }
  *view = ViewOf(*handle, offset, bytes);
  return PAGEWARD_OK;
}

}  // namespace
}  // namespace pageward::engine

using namespace pageward;
using namespace pageward::engine;

extern "C" {

pageward_status pageward_unmapped_start(const pageward_unmapped_options* options) {
  constexpr std::uint32_t kKnown =
      PAGEWARD_UNMAPPED_REQUIRES_SECRET | PAGEWARD_UNMAPPED_ORDINARY | PAGEWARD_UNMAPPED_REPORTS;
  UnmappedPool::Options ours;
  if (options != nullptr) {
    if (options->size != sizeof(*options) || (options->flags & ~kKnown) != 0) {
      return PAGEWARD_INVALID;
    }
    ours.bytes = options->bytes;
    ours.uses_secret = (options->flags & PAGEWARD_UNMAPPED_ORDINARY) == 0;
    ours.requires_secret = (options->flags & PAGEWARD_UNMAPPED_REQUIRES_SECRET) != 0;
    ours.reports_views = (options->flags & PAGEWARD_UNMAPPED_REPORTS) != 0;
    if (options->most_view_mappings != 0) {
      ours.most_view_mappings = options->most_view_mappings;
    }
    if (ours.requires_secret && !ours.uses_secret) {
      return PAGEWARD_INVALID;
    }
  }
  Engine* engine = EngineOfProcess();
  return engine != nullptr ? StatusOf(StartProcessPool(engine->os(), engine->keys(), ours))
                           : PAGEWARD_UNSUPPORTED;
}

pageward_status pageward_unmapped_describe(pageward_unmapped_info* info) {
  if (info == nullptr || info->size != sizeof(*info)) {
    return PAGEWARD_INVALID;
  }
  const Result<UnmappedPool*> pool = PoolOfProcess();
  if (!pool.ok()) {
    return StatusOf(pool);
  }
  const keys::Gate gate;  // Whether there are keys for views is found out by claiming one.
  const UnmappedCounters counters = (*pool)->counters();
  *info = pageward_unmapped_info{
      .size = sizeof(*info),
      .bytes = (*pool)->bytes(),
      .allocated_bytes = counters.allocated_bytes,
      .freed_while_open = counters.freed_while_open,
      .freed_while_stale = counters.freed_while_stale,
      .left_open = counters.left_open,
      .shared_openings = counters.shared_openings,
      .view_mappings = counters.view_mappings,
      .secret_refusal = StatusOf((*pool)->secret_refusal()),
      .lock_refusal = StatusOf((*pool)->lock_refusal()),
      .is_secret = (*pool)->kind() == os::SharedMemory::kSecret ? 1 : 0,
      .has_thread_views = (*pool)->HasThreadViews() ? 1 : 0,
  };
  return PAGEWARD_OK;
}

pageward_status pageward_unmapped_alloc(size_t bytes, pageward_unmapped* memory) {
  if (memory == nullptr) {
    return PAGEWARD_INVALID;
  }
  *memory = pageward_unmapped{0};
  const Result<Surroundings> here = Prepare();
  if (!here.ok()) {
    return StatusOf(here);
  }
  const Result<UnmappedHandle> handle = here->pool->Allocate(bytes);
  if (handle.ok()) {
    memory->value = handle->value;
  }
  return StatusOf(handle);
}

pageward_status pageward_unmapped_free(pageward_unmapped memory) {
  if (memory.value == 0) {
    return PAGEWARD_OK;
  }
  const Result<Surroundings> here = Prepare();
  return here.ok() ? StatusFor(*here->pool, memory,
                               here->pool->Free(*here->views, UnmappedHandle{memory.value},
                                                __builtin_return_address(0)))
                   : StatusOf(here);
}

pageward_status pageward_unmapped_size(pageward_unmapped memory, size_t* bytes) {
  const Result<UnmappedPool*> pool = PoolOfProcess();
  if (!pool.ok() || bytes == nullptr) {
    return pool.ok() ? PAGEWARD_INVALID : StatusOf(pool);
  }
  const Result<std::uint64_t> size = (*pool)->SizeOf(UnmappedHandle{memory.value});
  *bytes = size.ok() ? *size : 0;
  return StatusFor(**pool, memory, size);
}

pageward_status pageward_unmapped_write(pageward_unmapped memory, size_t offset, const void* from,
                                        size_t bytes) {
  const Result<Surroundings> here = Prepare();
  if (!here.ok() || from == nullptr) {
    return here.ok() ? PAGEWARD_INVALID : StatusOf(here);
  }
  return StatusFor(*here->pool, memory,
                   here->pool->Write(*here->views, UnmappedHandle{memory.value}, offset,
                                     std::span(static_cast<const std::byte*>(from), bytes)));
}

pageward_status pageward_unmapped_read(pageward_unmapped memory, size_t offset, void* to,
                                       size_t bytes) {
  const Result<Surroundings> here = Prepare();
  if (!here.ok() || to == nullptr) {
    return here.ok() ? PAGEWARD_INVALID : StatusOf(here);
  }
  return StatusFor(*here->pool, memory,
                   here->pool->Read(*here->views, UnmappedHandle{memory.value}, offset,
                                    std::span(static_cast<std::byte*>(to), bytes)));
}

pageward_status pageward_unmapped_populate(pageward_unmapped memory, size_t offset, size_t bytes,
                                           int descriptor, size_t* got) {
  if (got == nullptr) {
    return PAGEWARD_INVALID;
  }
  *got = 0;
  const Result<Surroundings> here = Prepare();
  if (!here.ok()) {
    return StatusOf(here);
  }
  const Result<std::uint64_t> done = here->pool->Populate(
      *here->views, {UnmappedHandle{memory.value}, offset, bytes}, os::Descriptor{descriptor});
  *got = done.ok() ? *done : 0;
  return StatusFor(*here->pool, memory, done);
}

pageward_status pageward_view_prepare(void) {
  const Result<Surroundings> here = Prepare();
  if (!here.ok()) {
    return StatusOf(here);
  }
  const keys::Gate gate;
  return StatusOf(here->pool->PrepareAgain(*here->views));
}

pageward_status pageward_view_get(pageward_unmapped memory, size_t offset, size_t bytes,
                                  pageward_view_access access, pageward_view* view) {
  return GetView(Slot::kOrdinary, memory, offset, bytes, access, view, __builtin_return_address(0));
}

pageward_status pageward_view_get_reserved(pageward_unmapped memory, size_t offset, size_t bytes,
                                           pageward_view_access access, pageward_view* view) {
  return GetView(Slot::kReserved, memory, offset, bytes, access, view, __builtin_return_address(0));
}

pageward_status pageward_view_put(pageward_view* view) {
  ThreadViews* views = ThisThreadsViews();
  if (views == nullptr || view == nullptr) {
    return PAGEWARD_INVALID;
  }
  const Status put = FindProcessPool()->Put(*views, HandleOf(*view));
  if (put.ok()) {
    *view = pageward_view{};
  }
  return StatusOf(put);
}

}  // extern "C"
