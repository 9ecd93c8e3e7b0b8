#include "tests/oracle/qemu_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "tests/oracle/guest/protocol.h"

namespace pageward::oracle {
namespace {

constexpr const char* kProgram = "qemu-system-x86_64";
constexpr int kNotStarted = 127;
// isa-debug-exit makes a status of twice what the guest writes, plus 1. QEMU's own errors end in 1.
constexpr int kGuestIsDone = 2 * PW_GUEST_EXIT_DONE + 1;

struct Ended {
  int status = 0;
  bool is_late = false;
  std::string output;
};

std::string ReadAll(int descriptor) {
  std::string text;
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t got =
        pread(descriptor, piece.data(), piece.size(), static_cast<off_t>(text.size()));
    if (got <= 0) {
      return text;
    }
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

// What the child does between fork and exec: nothing that takes a lock.
[[noreturn]] void BecomeQemu(const std::vector<char*>& arguments, int output, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = open("/dev/null", O_RDONLY);
  if (getppid() == parent && nothing >= 0 && dup2(nothing, 0) == 0 && dup2(output, 1) == 1 &&
      dup2(output, 2) == 2) {
    execvp(arguments[0], arguments.data());
  }
  _exit(kNotStarted);
}

bool HasEndedWithin(pid_t child, unsigned seconds) {
  const auto process = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (process < 0) {
    throw std::system_error(errno, std::generic_category(), "pidfd_open");
  }
  pollfd end{process, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&end, 1, static_cast<int>(seconds) * 1000);
  } while (ready < 0 && errno == EINTR);
  close(process);
  return ready > 0;
}

Ended Start(std::vector<std::string> words, unsigned deadline_seconds) {
  const MemoryFile output(0);
  std::string program = kProgram;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 2);
  arguments.push_back(program.data());
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    BecomeQemu(arguments, output.descriptor(), parent);
  }
  if (child < 0) {
    throw std::system_error(errno, std::generic_category(), "fork");
  }
  Ended ended;
  ended.is_late = !HasEndedWithin(child, deadline_seconds);
  if (ended.is_late) {
    kill(child, SIGKILL);
  }
  waitpid(child, &ended.status, 0);
  ended.output = ReadAll(output.descriptor());
  return ended;
}

std::string FirstLine(const std::string& text) {
  return text.empty() ? "(it said nothing)" : text.substr(0, text.find('\n'));
}

std::optional<std::string> AskForQemu() {
  const Ended accelerators = Start({"-accel", "help"}, 30);
  if (WIFEXITED(accelerators.status) && WEXITSTATUS(accelerators.status) == kNotStarted) {
    return std::string(kProgram) + " is not installed";
  }
  if (accelerators.output.find("tcg") == std::string::npos) {
    return std::string(kProgram) + " has no interpreter (TCG)";
  }
  const std::string features = Start({"-cpu", "help"}, 30).output;
  for (const char* feature : {"pks", "pku", "la57", "smap", "smep"}) {
    if (features.find(feature) == std::string::npos) {
      return std::string(kProgram) + " does not know " + feature;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> WhyNoQemu() {
  static const std::optional<std::string> why = AskForQemu();
  return why;
}

std::optional<std::string> RunQemu(const QemuJob& job) {
  const std::string bytes = std::to_string(job.ram.bytes());
  // Two processors, of which the second never starts: with one, QEMU executes a locked instruction
  // as a load and a store, and a fault of it does not say that it was a write.
  const Ended ended = Start(
      {"-accel",
       "tcg",
       "-cpu",
       "max,phys-bits=" + std::to_string(job.phys_bits),
       "-smp",
       "2",
       "-M",
       "microvm,memory-backend=ram",
       "-m",
       std::to_string(job.ram.bytes() >> 20),
       "-object",
       "memory-backend-file,id=ram,share=on,size=" + bytes + ",mem-path=" + job.ram.NameForChild(),
       "-bios",
       job.rom.NameForChild(),
       "-no-user-config",
       "-nodefaults",
       "-display",
       "none",
       "-no-reboot",
       "-device",
       "isa-debug-exit,iobase=0xf4,iosize=4"},
      job.deadline_seconds);
  if (ended.is_late) {
    return "QEMU was not done after " + std::to_string(job.deadline_seconds) + " s";
  }
  if (WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == kGuestIsDone) {
    return std::nullopt;
  }
  const std::string how = WIFEXITED(ended.status)
                              ? "status " + std::to_string(WEXITSTATUS(ended.status))
                              : "signal " + std::to_string(WTERMSIG(ended.status));
  return "QEMU ended with " + how + ": " + FirstLine(ended.output);
}

}  // namespace pageward::oracle
