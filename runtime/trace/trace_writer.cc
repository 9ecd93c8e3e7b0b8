#include "runtime/trace/trace_writer.h"

namespace pageward::trace {

Status TraceWriter::Begin(TraceSink& sink, const TraceFacts& facts) {
  PW_ASSERT(!IsWriting());
  sink_ = &sink;
  room_ = {};
  bytes_ = 0;
  sum_ = Checksum();
  events_ = 0;
  failure_ = Status();
  const HeaderBytes header = EncodeHeader(facts);
  sum_.Add(header);
  return Put(header);
}

// Header and records all fit into what is left of a room, or begin the next one.
Status TraceWriter::Put(std::span<const std::byte> bytes) {
  if (!sink_->IsOurs()) {
    failure_ = Error::kNotPermitted;
  } else if (room_.empty()) {
    const Result<std::span<std::byte>> next = sink_->NextRoom();
    failure_ = next.ok() ? Status() : next.error();
    room_ = next.ok() ? *next : std::span<std::byte>();
  }
  if (!failure_) {
    sink_ = nullptr;
    return failure_;
  }
  PW_ASSERT(bytes.size() <= room_.size());
  std::memcpy(room_.data(), bytes.data(), bytes.size());
  room_ = room_.subspan(bytes.size());
  bytes_ += bytes.size();
  return {};
}

void TraceWriter::Append(const TraceEvent& event) {
  if (!IsWriting()) {
    return;
  }
  const RecordBytes record = EncodeEvent(event);
  if (Put(record).ok()) {
    sum_.Add(record);
    ++events_;
  }
}

Status TraceWriter::Finish(std::uint64_t time_ns) {
  if (!IsWriting() || !Put(EncodeEnd(TraceEnd{.time_ns = time_ns, .events = events_}, sum_))) {
    return failure_;
  }
  failure_ = sink_->End(bytes_);
  sink_ = nullptr;
  return failure_;
}

}  // namespace pageward::trace
