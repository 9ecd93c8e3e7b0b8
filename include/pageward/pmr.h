// Pageward for C++ programs: domains, windows and secrets as objects, and memory for containers.
//
//   pageward::Domain domain("accounts");
//   pageward::MemoryResource memory(domain);
//   const pageward::Window window(domain);
//   std::pmr::vector<std::pmr::string> names(&memory);  // to be destroyed inside a window, too
//
// What is made in a domain can be touched inside a window only, by its own destructor as well. What
// can't be had is an exception; a window that an exception leaves is closed.
#pragma once

#include <pageward/pageward.h>

#include <cstddef>
#include <exception>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>

namespace pageward {

/// What a call of Pageward failed with.
class Failure : public std::exception {
 public:
  explicit Failure(pageward_status status) noexcept : status_(status) {}

  pageward_status status() const noexcept { return status_; }
  const char* what() const noexcept override { return pageward_status_string(status_); }

 private:
  pageward_status status_;
};

namespace internal {

inline void Require(pageward_status status) {
  if (status != PAGEWARD_OK) {
    throw Failure(status);
  }
}

}  // namespace internal

enum class Access { kReadOnly = PAGEWARD_READ_ONLY, kReadWrite = PAGEWARD_READ_WRITE };

/// A domain that ends with this object. Its objects are wiped then.
class Domain {
 public:
  /// Throws Failure if it can't be made.
  explicit Domain(const char* name = nullptr) {
    pageward_domain_options options = PAGEWARD_DOMAIN_OPTIONS;
    options.name = name;
    internal::Require(pageward_domain_create(&options, &handle_));
  }
  explicit Domain(const pageward_domain_options& options) {
    internal::Require(pageward_domain_create(&options, &handle_));
  }
  /// A window that is open on it keeps it alive for good: windows end before their domain.
  ~Domain() {
    if (handle_.value != 0) {
      static_cast<void>(pageward_domain_destroy(handle_));
    }
  }
  Domain(Domain&& other) noexcept : handle_(std::exchange(other.handle_, pageward_domain{0})) {}
  Domain& operator=(Domain&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;

  pageward_domain handle() const noexcept { return handle_; }

 private:
  pageward_domain handle_ = {0};
};

/// Lets this thread use a domain, for a scope. Costs two writes of a register (pageward/window.h).
class [[nodiscard]] Window {
 public:
  /// Throws Failure if it can't be opened.
  explicit Window(const Domain& domain, Access access = Access::kReadWrite) {
    internal::Require(
        pageward_window_open(domain.handle(), static_cast<pageward_access>(access), &window_));
  }
  ~Window() { static_cast<void>(pageward_window_close(&window_)); }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

 private:
  pageward_window window_ = PAGEWARD_WINDOW_CLOSED;
};

/// Memory of a domain for containers. The domain outlives it.
///
/// Allocating needs no window. Throws std::bad_alloc if there is none to be had.
class MemoryResource final : public std::pmr::memory_resource {
 public:
  explicit MemoryResource(const Domain& domain) noexcept : domain_(domain.handle()) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    void* object = nullptr;
    if (pageward_alloc(domain_, bytes == 0 ? 1 : bytes, alignment, &object) != PAGEWARD_OK) {
      throw std::bad_alloc();
    }
    return object;
  }
  void do_deallocate(void* object, std::size_t, std::size_t) override {
    static_cast<void>(pageward_free(domain_, object));
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    const auto* resource = dynamic_cast<const MemoryResource*>(&other);
    return resource != nullptr && resource->domain_.value == domain_.value;
  }

  pageward_domain domain_;
};

/// A value that lives in a domain and can be reached through Use() only.
///
/// T needs nothing that is destroyed: its bytes are wiped. The domain outlives it.
template <typename T>
class Secret {
  static_assert(std::is_trivially_destructible_v<T>, "wiping is all that happens at the end");

 public:
  /// A T made of `arguments`. Throws Failure if there is no room or no window for it, and what the
  /// constructor of T throws; nothing is left behind.
  template <typename... Arguments>
  explicit Secret(const Domain& domain, Arguments&&... arguments) : domain_(&domain) {
    internal::Require(pageward_alloc(domain.handle(), sizeof(T), alignof(T), &object_));
    try {
      const Window window(domain);
      ::new (object_) T(std::forward<Arguments>(arguments)...);
    } catch (...) {
      static_cast<void>(pageward_free(domain.handle(), object_));
      throw;
    }
  }
  ~Secret() {
    if (object_ != nullptr) {
      static_cast<void>(pageward_free(domain_->handle(), object_));
    }
  }
  Secret(Secret&& other) noexcept
      : domain_(other.domain_), object_(std::exchange(other.object_, nullptr)) {}
  Secret& operator=(Secret&& other) noexcept {
    std::swap(domain_, other.domain_);
    std::swap(object_, other.object_);
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  /// Calls `use(value)` inside a window and returns what it returns, which should not be a way back
  /// into the value.
  template <typename Function>
  decltype(auto) Use(Function&& use) {
    const Window window(*domain_);
    return std::forward<Function>(use)(*static_cast<T*>(object_));
  }
  /// The same for reading.
  template <typename Function>
  decltype(auto) Use(Function&& use) const {
    const Window window(*domain_, Access::kReadOnly);
    return std::forward<Function>(use)(*static_cast<const T*>(object_));
  }

 private:
  const Domain* domain_;
  void* object_ = nullptr;
};

}  // namespace pageward
