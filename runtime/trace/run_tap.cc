#include "runtime/trace/run_tap.h"

#include <atomic>

namespace pageward::trace {
namespace {

// What a thread is called by the tap that it came to last. Tests have several taps, one by one.
struct ThreadName {
  std::uint32_t tap = 0;
  std::uint32_t thread = 0;
};

thread_local ThreadName t_name;
constinit std::atomic<std::uint32_t> g_taps{0};

}  // namespace

void RunTap::Open(os::Os& os, TraceWriter* writer, RunMirror* mirror) {
  MutexLock lock(mutex_);
  PW_ASSERT(!is_open_);
  os_ = &os;
  writer_ = writer;
  mirror_ = mirror;
  number_ = g_taps.fetch_add(1, std::memory_order_relaxed) + 1;
  opened_ns_ = os.MonotonicNs();
  is_open_ = true;
}

std::uint32_t RunTap::NumberOfThisThread() {
  if (t_name.tap != number_) {
    t_name = ThreadName{number_, threads_++};
  }
  return t_name.thread;
}

void RunTap::Note(const extent::RunEvent& event) {
  MutexLock lock(mutex_);
  if (!is_open_) {
    return;
  }
  const TraceEvent noted{os_->MonotonicNs() - opened_ns_, NumberOfThisThread(), event};
  if (writer_ != nullptr) {
    writer_->Append(noted);
  }
  if (mirror_ != nullptr) {
    mirror_->Apply(noted);
  }
}

Status RunTap::Close() {
  MutexLock lock(mutex_);
  if (!is_open_) {
    return {};
  }
  is_open_ = false;
  return writer_ != nullptr ? writer_->Finish(os_->MonotonicNs() - opened_ns_) : Status();
}

bool RunTap::IsOpen() const {
  MutexLock lock(mutex_);
  return is_open_;
}

}  // namespace pageward::trace
