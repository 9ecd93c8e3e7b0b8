#include "runtime/trace/trace_reader.h"

namespace pageward::trace {
namespace {

std::span<const std::byte, kRecordBytes> RecordAt(std::span<const std::byte> records,
                                                  std::uint64_t index) {
  return records.subspan(index * kRecordBytes).first<kRecordBytes>();
}

// What a recorder has made room for and not written.
bool IsUnwritten(std::span<const std::byte> room) {
  for (const std::byte byte : room) {
    if (byte != std::byte{0}) {
      return false;
    }
  }
  return true;
}

}  // namespace

TraceFault TraceReader::Open(std::span<const std::byte> bytes) {
  records_ = {};
  if (const TraceFault fault = DecodeHeader(bytes, &facts_); fault != TraceFault::kNone) {
    return fault;
  }
  const std::span<const std::byte> body = bytes.subspan(kHeaderBytes);
  if (body.empty() || body.size() % kRecordBytes != 0 || !IsEnd(body.last<kRecordBytes>())) {
    return TraceFault::kUnfinished;
  }
  const std::span<const std::byte> records = body.first(body.size() - kRecordBytes);
  Checksum sum;
  sum.Add(bytes.first(bytes.size() - kRecordBytes));
  if (!DecodeEnd(body.last<kRecordBytes>(), sum, &end_)) {
    return TraceFault::kDamaged;
  }
  std::uint64_t last_ns = 0;
  for (std::uint64_t i = 0; i < records.size() / kRecordBytes; ++i) {
    TraceEvent event;
    if (!DecodeEvent(RecordAt(records, i), facts_.zone_frames, &event) || event.time_ns < last_ns) {
      return TraceFault::kNonsense;
    }
    last_ns = event.time_ns;
  }
  if (end_.events != records.size() / kRecordBytes || end_.time_ns < last_ns) {
    return TraceFault::kNonsense;
  }
  records_ = records;
  return TraceFault::kNone;
}

TraceEvent TraceReader::EventAt(std::uint64_t index) const {
  TraceEvent event;
  const bool is_event = DecodeEvent(RecordAt(records_, index), facts_.zone_frames, &event);
  PW_ASSERT(is_event);
  static_cast<void>(is_event);
  return event;
}

UnfinishedTrace Finish(std::span<const std::byte> bytes) {
  UnfinishedTrace result;
  TraceFacts facts;
  result.fault = DecodeHeader(bytes, &facts);
  if (result.fault != TraceFault::kNone) {
    return result;
  }
  const std::span<const std::byte> records = bytes.subspan(kHeaderBytes);
  TraceEnd end{.ending = TraceEnding::kCut};
  for (; (end.events + 1) * kRecordBytes <= records.size(); ++end.events) {
    TraceEvent event;
    if (!DecodeEvent(RecordAt(records, end.events), facts.zone_frames, &event) ||
        event.time_ns < end.time_ns) {
      break;
    }
    end.time_ns = event.time_ns;
  }
  result.whole_bytes = kHeaderBytes + end.events * kRecordBytes;
  // Behind them may be one that was being written, and room for more.
  const std::uint64_t rest = (end.events + 1) * kRecordBytes;
  if (rest < records.size() && !IsUnwritten(records.subspan(rest))) {
    result.fault = TraceFault::kNonsense;
    return result;
  }
  Checksum sum;
  sum.Add(bytes.first(result.whole_bytes));
  result.end = EncodeEnd(end, sum);
  return result;
}

}  // namespace pageward::trace
