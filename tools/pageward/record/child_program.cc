#include "tools/pageward/record/child_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

std::atomic<pid_t> g_child{0};

// From a terminal they go to the program as well; from elsewhere they are handed on.
constexpr std::array<int, 2> kIgnored = {SIGINT, SIGQUIT};
constexpr std::array<int, 4> kHandedOn = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

void HandOn(int signal) {
  const pid_t child = g_child.load();
  if (child > 0) {
    kill(child, signal);
  }
}

// Signals as they are while a program runs, for a scope.
class SignalsWhileRunning {
 public:
  SignalsWhileRunning() {
    for (std::size_t i = 0; i < kIgnored.size(); ++i) {
      Set(kIgnored[i], SIG_IGN, &ignored_[i]);
    }
    for (std::size_t i = 0; i < kHandedOn.size(); ++i) {
      Set(kHandedOn[i], HandOn, &handed_on_[i]);
    }
  }
  ~SignalsWhileRunning() { Restore(); }
  SignalsWhileRunning(const SignalsWhileRunning&) = delete;
  SignalsWhileRunning& operator=(const SignalsWhileRunning&) = delete;

  /// As they were: also for the program itself.
  void Restore() const {
    for (std::size_t i = 0; i < kIgnored.size(); ++i) {
      sigaction(kIgnored[i], &ignored_[i], nullptr);
    }
    for (std::size_t i = 0; i < kHandedOn.size(); ++i) {
      sigaction(kHandedOn[i], &handed_on_[i], nullptr);
    }
  }

 private:
  static void Set(int signal, void (*handler)(int), struct sigaction* before) {
    struct sigaction action = {};
    action.sa_handler = handler;
    sigaction(signal, &action, before);
  }

  std::array<struct sigaction, kIgnored.size()> ignored_{};
  std::array<struct sigaction, kHandedOn.size()> handed_on_{};
};

// Becomes the program, or tells `tell` why not.
[[noreturn]] void Become(const std::vector<std::string>& command,
                         const std::vector<std::pair<std::string, std::string>>& variables,
                         int tell) {
  std::vector<char*> words;
  for (const std::string& word : command) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  for (const auto& [name, value] : variables) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  execvp(words[0], words.data());
  const int error = errno;
  static_cast<void>(!write(tell, &error, sizeof(error)));
  _exit(kExitNotFound);
}

int WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? kExitSignal + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ChildEnd RunProgram(const std::vector<std::string>& command,
                    const std::vector<std::pair<std::string, std::string>>& variables) {
  int told[2] = {-1, -1};
  if (pipe2(told, O_CLOEXEC) != 0) {
    throw Failure(fmt::format("cannot start a program: {}", std::strerror(errno)));
  }
  const SignalsWhileRunning signals;
  const pid_t child = fork();
  if (child == 0) {
    signals.Restore();
    Become(command, variables, told[1]);
  }
  g_child.store(child);
  close(told[1]);
  if (child < 0) {
    close(told[0]);
    throw Failure(fmt::format("cannot start a program: {}", std::strerror(errno)));
  }
  int error = 0;
  ssize_t got = 0;
  while ((got = read(told[0], &error, sizeof(error))) < 0 && errno == EINTR) {
  }
  close(told[0]);
  const int exit_code = WaitFor(child);
  g_child.store(0);
  if (got == sizeof(error)) {
    fmt::print(stderr, "pageward: cannot run '{}': {}\n", InOneLine(command[0]),
               std::strerror(error));
    return ChildEnd{error == ENOENT ? kExitNotFound : kExitNotExecutable, false};
  }
  return ChildEnd{exit_code, true};
}

}  // namespace pageward::tool
