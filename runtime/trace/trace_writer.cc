#include "runtime/trace/trace_writer.h"

namespace pageward::trace {

Status TraceWriter::Begin(TraceSink& sink, const TraceFacts& facts) {
  PW_ASSERT(!IsWriting());
  const HeaderBytes header = EncodeHeader(facts);
  if (const Status written = sink.Write(header); !written) {
    return written;
  }
  sink_ = &sink;
  sum_ = Checksum();
  sum_.Add(header);
  events_ = 0;
  failure_ = Status();
  buffered_bytes_ = 0;
  return {};
}

Status TraceWriter::Flush() {
  const std::span<const std::byte> bytes = std::span(buffer_).first(buffered_bytes_);
  buffered_bytes_ = 0;
  sum_.Add(bytes);
  const Status written = sink_->Write(bytes);
  if (!written) {
    sink_ = nullptr;
    failure_ = written;
  }
  return written;
}

void TraceWriter::Append(const TraceEvent& event) {
  if (!IsWriting() || (buffered_bytes_ == buffer_.size() && !Flush())) {
    return;
  }
  const RecordBytes record = EncodeEvent(event);
  std::memcpy(buffer_.data() + buffered_bytes_, record.data(), record.size());
  buffered_bytes_ += record.size();
  ++events_;
}

Status TraceWriter::Finish(std::uint64_t time_ns) {
  if (!IsWriting() || !Flush()) {
    return failure_;
  }
  const RecordBytes end = EncodeEnd(TraceEnd{.time_ns = time_ns, .events = events_}, sum_);
  failure_ = sink_->Write(end);
  sink_ = nullptr;
  return failure_;
}

}  // namespace pageward::trace
