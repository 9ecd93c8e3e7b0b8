// Runs one program and writes down what it cost, for the benchmark harness.
//
// The harness is a large process, and the kernel counts the image that a child has before its exec
// as part of the child's peak RSS. This program stands between the two: it is static and small, and
// no preload ever acts on it.
//
//   launch RESULT SECONDS PROGRAM [ARGUMENT...]
//
// RESULT becomes a file of `key value` lines; after SECONDS, or when the launcher is told to end,
// the program's process group is killed. The exit status is 0 if the program could be started,
// whatever became of it.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t child_group;
static volatile sig_atomic_t is_stopped;
static volatile sig_atomic_t is_timed_out;

static void Stop(int signal_number) {
  if (signal_number == SIGALRM) {
    is_timed_out = 1;
  }
  is_stopped = 1;
  if (child_group > 0) {
    kill(-(pid_t)child_group, SIGKILL);
  }
}

static long long MicrosecondsOf(struct timeval time) {
  return (long long)time.tv_sec * 1000000 + time.tv_usec;
}

static long long Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// What all processors of the machine have done together, and what a hypervisor took from them.
struct Machine {
  long long busy_us;
  long long stolen_us;
};

static struct Machine ReadMachine(void) {
  struct Machine machine = {0, 0};
  long long user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, stolen = 0;
  FILE* file = fopen("/proc/stat", "re");
  if (file != NULL) {
    if (fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system, &idle,
               &wait, &irq, &softirq, &stolen) == 8) {
      const long long tick_us = 1000000 / sysconf(_SC_CLK_TCK);
      machine.busy_us = (user + nice + system + irq + softirq + stolen) * tick_us;
      machine.stolen_us = stolen * tick_us;
    }
    fclose(file);
  }
  return machine;
}

// Runs in the child. Does not return.
static void Execute(char** command, const sigset_t* mask) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  signal(SIGALRM, SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execv(command[0], command);
  fprintf(stderr, "launch: %s: %s\n", command[0], strerror(errno));
  _exit(127);
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: launch RESULT SECONDS PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  FILE* result = fopen(argv[1], "we");
  if (result == NULL) {
    fprintf(stderr, "launch: %s: %s\n", argv[1], strerror(errno));
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  struct sigaction action = {.sa_handler = Stop};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGALRM, &action, NULL);

  // A request to stop that comes before there is a group to kill waits until there is one.
  sigset_t stops, before;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGALRM);
  sigprocmask(SIG_BLOCK, &stops, &before);

  const struct Machine machine_before = ReadMachine();
  const long long begin = Now();
  const pid_t child = fork();
  if (child < 0) {
    perror("launch: fork");
    return 2;
  }
  if (child == 0) {
    Execute(argv + 3, &before);
  }
  setpgid(child, child);  // Also here: whichever of the two comes first.
  child_group = child;
  const struct itimerval limit = {.it_value = {.tv_sec = atol(argv[2])}};
  setitimer(ITIMER_REAL, &limit, NULL);
  sigprocmask(SIG_SETMASK, &before, NULL);

  int status = 0;
  struct rusage usage;
  pid_t waited;
  do {
    waited = wait4(child, &status, 0, &usage);
  } while (waited < 0 && errno == EINTR);
  const long long end = Now();
  const struct Machine machine_after = ReadMachine();
  child_group = 0;
  kill(-child, SIGKILL);  // What it left behind.
  if (waited < 0) {
    perror("launch: wait4");
    return 2;
  }

  fprintf(result, "exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  fprintf(result, "signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  fprintf(result, "stopped %d\n", is_stopped ? 1 : 0);
  fprintf(result, "timed_out %d\n", is_timed_out ? 1 : 0);
  fprintf(result, "wall_us %lld\n", end - begin);
  fprintf(result, "user_us %lld\n", MicrosecondsOf(usage.ru_utime));
  fprintf(result, "system_us %lld\n", MicrosecondsOf(usage.ru_stime));
  fprintf(result, "rss_kib %ld\n", usage.ru_maxrss);
  fprintf(result, "minor_faults %ld\n", usage.ru_minflt);
  fprintf(result, "major_faults %ld\n", usage.ru_majflt);
  fprintf(result, "switches %ld\n", usage.ru_nvcsw + usage.ru_nivcsw);
  fprintf(result, "machine_busy_us %lld\n", machine_after.busy_us - machine_before.busy_us);
  fprintf(result, "machine_stolen_us %lld\n", machine_after.stolen_us - machine_before.stolen_us);
  return fclose(result) == 0 ? 0 : 2;
}
