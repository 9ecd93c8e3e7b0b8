// Addresses as types: a virtual address is not a physical one and neither is an integer.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace pageward {

/// An address that a pointer can hold.
class VirtAddr {
 public:
  constexpr VirtAddr() = default;
  explicit constexpr VirtAddr(std::uint64_t value) : value_(value) {}

  static VirtAddr Of(const volatile void* pointer) {
    return VirtAddr(reinterpret_cast<std::uintptr_t>(pointer));
  }

  constexpr std::uint64_t value() const { return value_; }
  constexpr bool IsNull() const { return value_ == 0; }

  template <typename T = void>
  T* AsPointer() const {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(value_));
  }

  friend constexpr VirtAddr operator+(VirtAddr address, std::uint64_t bytes) {
    return VirtAddr(address.value_ + bytes);
  }
  friend constexpr VirtAddr operator-(VirtAddr address, std::uint64_t bytes) {
    return VirtAddr(address.value_ - bytes);
  }
  /// Bytes from `b` up to `a`.
  friend constexpr std::uint64_t operator-(VirtAddr a, VirtAddr b) { return a.value_ - b.value_; }
  friend constexpr auto operator<=>(VirtAddr, VirtAddr) = default;

 private:
  std::uint64_t value_ = 0;
};

/// An address in simulated RAM. It never is a host pointer.
class PhysAddr {
 public:
  constexpr PhysAddr() = default;
  explicit constexpr PhysAddr(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }

  friend constexpr PhysAddr operator+(PhysAddr address, std::uint64_t bytes) {
    return PhysAddr(address.value_ + bytes);
  }
  friend constexpr std::uint64_t operator-(PhysAddr a, PhysAddr b) { return a.value_ - b.value_; }
  friend constexpr auto operator<=>(PhysAddr, PhysAddr) = default;

 private:
  std::uint64_t value_ = 0;
};

/// A half-open range of addresses.
struct VirtRange {
  VirtAddr begin;
  std::uint64_t bytes = 0;

  constexpr VirtAddr end() const { return begin + bytes; }
  constexpr bool Contains(VirtAddr address) const { return address - begin < bytes; }

  friend constexpr bool operator==(VirtRange, VirtRange) = default;
};

}  // namespace pageward
