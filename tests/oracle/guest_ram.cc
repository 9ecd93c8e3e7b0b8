#include "tests/oracle/guest_ram.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "runtime/core/bits.h"
#include "runtime/core/units.h"

namespace pageward::oracle {
namespace {

using testing_support::SparseRam;

// RAM is a number of MiB, and the guest's area in one piece.
constexpr std::uint64_t kGranularity = kPageblockBytes;

std::string Hex(std::uint64_t value) {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

std::uint64_t EndOf(const SparseRam& ram) {
  std::uint64_t end = 0;
  for (const auto& [number, frame] : ram.frames()) {
    end = std::max(end, OffsetOf(PhysAddr(number * kFrameBytes)) + kFrameBytes);
  }
  return end;
}

std::uint64_t GuestOffset(std::uint64_t ram_end, std::uint64_t guest_bytes) {
  const std::uint64_t offset = AlignUp(ram_end, kGranularity);
  const bool is_across = offset < kLowRamEnd && offset + guest_bytes > kLowRamEnd;
  return is_across ? kLowRamEnd : offset;
}

// Reads what is not a hole of the first `bytes`.
void ReadFrames(const MemoryFile& file, std::uint64_t bytes, SparseRam& ram) {
  std::uint64_t offset = file.NextData(0);
  while (offset < bytes) {
    const std::uint64_t end = std::min(file.NextHole(offset), bytes);
    for (offset = AlignDown<std::uint64_t>(offset, kFrameBytes); offset < end;
         offset += kFrameBytes) {
      SparseRam::Frame& frame = ram.FrameAt(AddressOf(offset).value() / kFrameBytes);
      file.Read(offset, std::as_writable_bytes(std::span(frame)));
    }
    offset = file.NextData(end);
  }
}

}  // namespace

std::optional<std::string> GuestRam::WhyUnfit(const SparseRam& ram, unsigned phys_bits) {
  for (const auto& [number, frame] : ram.frames()) {
    const PhysAddr at(number * kFrameBytes);
    if (at.value() >> phys_bits != 0) {
      return "RAM at " + Hex(at.value()) + " is beyond " + std::to_string(phys_bits) +
             " bits of physical address";
    }
    if (!HasRamAt(at)) {
      return "RAM at " + Hex(at.value()) + " is where the emulated machine has none";
    }
  }
  return std::nullopt;
}

GuestRam::GuestRam(const SparseRam& ram, std::uint64_t ram_bytes, std::uint64_t guest_bytes)
    : guest_offset_(GuestOffset(std::max(EndOf(ram), ram_bytes), guest_bytes)),
      file_(AlignUp(guest_offset_ + guest_bytes, kGranularity)) {
  for (const auto& [number, frame] : ram.frames()) {
    file_.Write(OffsetOf(PhysAddr(number * kFrameBytes)), std::as_bytes(std::span(frame)));
  }
}

SparseRam GuestRam::Read() const {
  SparseRam ram;
  ReadFrames(file_, guest_offset_, ram);
  return ram;
}

std::optional<std::string> LoadRam(const std::string& path, SparseRam& ram, std::uint64_t& bytes) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return path + ": " + std::strerror(errno);
  }
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return path + ": not a file";
  }
  bytes = static_cast<std::uint64_t>(status.st_size);
  const MemoryFile file(descriptor, bytes);
  if (bytes == 0 || bytes % kFrameBytes != 0) {
    return path + ": " + std::to_string(bytes) + " bytes are not a number of frames of " +
           std::to_string(kFrameBytes) + " bytes";
  }
  if (bytes > kMostRamBytes) {
    return path + ": " + std::to_string(bytes) + " bytes are more than the oracle can emulate, " +
           std::to_string(kMostRamBytes);
  }
  ReadFrames(file, bytes, ram);
  return std::nullopt;
}

}  // namespace pageward::oracle
