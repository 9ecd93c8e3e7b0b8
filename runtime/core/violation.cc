#include "runtime/core/violation.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "runtime/core/open_page.h"
#include "runtime/core/text.h"

namespace pageward {
namespace {

struct Dying {
  std::atomic<bool> has_begun{false};
  std::atomic<FatalHook> hook{nullptr};
};

// Open: whoever dies may be anywhere.
[[gnu::section("pageward_open")]] constinit OpenPage<Dying> g_dying;

void WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) {
      return;  // Nobody is left to tell.
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string_view NameOf(Violation violation) {
  switch (violation) {
    case Violation::kAssertion:
      return "assertion failed";
    case Violation::kInvariant:
      return "invariant broken";
    case Violation::kLockOrder:
      return "lock order";
    case Violation::kUnexpectedErrno:
      return "unexpected system call failure";
    case Violation::kDoubleFree:
      return "double free";
    case Violation::kForeignPointer:
      return "foreign pointer";
    case Violation::kInteriorPointer:
      return "interior pointer";
    case Violation::kCanary:
      return "buffer underflow";
    case Violation::kRunMismatch:
      return "run mismatch";
    case Violation::kForeignFrame:
      return "foreign frame";
    case Violation::kUnknownFlags:
      return "unknown flags";
    case Violation::kUseOfFreed:
      return "use of freed memory";
    case Violation::kMetadataWrite:
      return "write to metadata";
    case Violation::kFreetype:
      return "wrong freetype";
    case Violation::kProtection:
      return "protection does not act";
  }
  return "unknown violation";
}

void SetFatalHook(FatalHook hook) {
  g_dying.value.hook.store(hook, std::memory_order_release);
}

void Fatal(Violation violation, std::string_view message) {
  if (!g_dying.value.has_begun.exchange(true)) {
    Text<512> line;
    line.Append("pageward: ").Append(NameOf(violation)).Append(": ").Append(message);
    line.EndLine();
    WriteAll(line.view());
    if (const FatalHook hook = g_dying.value.hook.load(std::memory_order_acquire);
        hook != nullptr) {
      hook(violation);
    }
  }
  std::abort();
}

void FailCheck(Violation violation, const char* condition, const char* file, int line,
               std::uint64_t object) {
  Text<384> message;
  message.AppendHex(object).Append(" (").Append(condition).Append(" at ").Append(file).Append(":");
  message.AppendDecimal(static_cast<std::uint64_t>(line)).Append(")");
  Fatal(violation, message.view());
}

}  // namespace pageward
