// filtered CALL[,CALL...] program arguments...
//
// Starts a program under a seccomp filter that kills the process for the named system calls, as
// hardened services have one. Filters survive execve(2).
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
  const char* name;
  long number;
} kCalls[] = {
    {"pkey_alloc", SYS_pkey_alloc},
    {"pkey_mprotect", SYS_pkey_mprotect},
    {"memfd_secret", 447},
    {"mseal", 462},
};

static void Forbid(long number, unsigned action) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    perror("filtered");
    exit(125);
  }
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fputs("usage: filtered CALL[,CALL...] program arguments...\n", stderr);
    return 125;
  }
  for (char* name = strtok(argv[1], ","); name != NULL; name = strtok(NULL, ",")) {
    // "fake-x" lets the call succeed without doing anything, as a filter that lies.
    const unsigned action =
        strncmp(name, "fake-", 5) == 0 ? SECCOMP_RET_ERRNO | 0 : SECCOMP_RET_KILL_PROCESS;
    name += action == SECCOMP_RET_KILL_PROCESS ? 0 : 5;
    for (size_t i = 0; i < sizeof(kCalls) / sizeof(kCalls[0]); ++i) {
      if (strcmp(name, kCalls[i].name) == 0) {
        Forbid(kCalls[i].number, action);
      }
    }
  }
  // The library is for the program, not for this one.
  const char* preload = getenv("FILTERED_PRELOAD");
  if (preload != NULL) {
    setenv("LD_PRELOAD", preload, 1);
  }
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 127;
}
