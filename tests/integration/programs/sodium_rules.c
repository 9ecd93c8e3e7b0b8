// What libsodium's documentation promises of its guarded heap allocations, each checked; prints
// what is broken. Source: "Secure memory", section "Guarded heap allocations".
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int g_broken = 0;

#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) {                                      \
      printf("broken: line %d: %s\n", __LINE__, #condition); \
      g_broken = 1;                                          \
    }                                                        \
  } while (0)

// --- Touching an address and living on ----------------------------------------------------------

static __thread sigjmp_buf t_back;
static __thread volatile sig_atomic_t t_is_probing = 0;

static void OnFault(int signal) {
  if (t_is_probing) {
    siglongjmp(t_back, 1);
  }
  _exit(100 + signal);
}

static int CanRead(const volatile unsigned char* at) {
  volatile int works = 0;
  t_is_probing = 1;
  if (sigsetjmp(t_back, 1) == 0) {
    (void)*at;
    works = 1;
  }
  t_is_probing = 0;
  return works;
}

// Writes what is there already.
static int CanWrite(volatile unsigned char* at) {
  volatile int works = 0;
  t_is_probing = 1;
  if (sigsetjmp(t_back, 1) == 0) {
    *at = *at;
    works = 1;
  }
  t_is_probing = 0;
  return works;
}

// --- What a child does --------------------------------------------------------------------------

// Runs `act` in a child; returns whether it ended by a signal.
static int Dies(void (*act)(void)) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    close(STDERR_FILENO);
    act();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

// --- Allocating ---------------------------------------------------------------------------------

static const size_t kSizes[] = {1,     2,     8,     31,    32,     33,      64,      1000,
                                4079,  4080,  4081,  4095,  4096,   4097,    8192,    10000,
                                65519, 65520, 65521, 70000, 131072, 1000000, 2097152, 3000000};
#define SIZE_COUNT (sizeof(kSizes) / sizeof(kSizes[0]))

// "returns a pointer from which exactly size contiguous bytes of memory can be accessed"; "placed
// at the end of a page boundary, immediately followed by a guard page"; "another guard page is
// placed before"; "filled with 0xdb bytes".
static void CheckPlaceAndContents(void) {
  for (size_t i = 0; i < SIZE_COUNT; ++i) {
    const size_t bytes = kSizes[i];
    unsigned char* object = sodium_malloc(bytes);
    CHECK(object != NULL);
    CHECK((uintptr_t)(object + bytes) % 4096 == 0);
    for (size_t j = 0; j < bytes; ++j) {
      if (object[j] != 0xdb) {
        CHECK(object[j] == 0xdb);
        break;
      }
    }
    CHECK(CanWrite(object) && CanWrite(object + bytes - 1));
    CHECK(!CanRead(object + bytes));
    CHECK(!CanWrite(object + bytes));
    CHECK(!CanRead(object + bytes + 4095));
    unsigned char* canary_page = (unsigned char*)(((uintptr_t)object - 16) & ~(uintptr_t)4095);
    CHECK(!CanRead(canary_page - 1));
    memset(object, 0x55, bytes);
    sodium_free(object);
  }
}

static void CheckEmptyObjects(void) {
  unsigned char* nothing = sodium_malloc(0);
  unsigned char* nothing_else = sodium_allocarray(0, 16);
  unsigned char* of_nothing = sodium_allocarray(16, 0);
  CHECK(nothing != NULL && nothing_else != NULL && of_nothing != NULL);
  CHECK(nothing != nothing_else);
  CHECK(!CanRead(nothing));
  sodium_free(nothing);
  sodium_free(nothing_else);
  sodium_free(of_nothing);
  sodium_free(NULL);
}

// "Like normal malloc, NULL may be returned and errno set"; allocarray checks for overflow.
static void CheckTooLarge(void) {
  static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2, (size_t)1 << 60};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
    errno = 0;
    void* object = sodium_malloc(sizes[i]);
    CHECK(object == NULL && errno == ENOMEM);
  }
  errno = 0;
  void* array = sodium_allocarray(SIZE_MAX / 2, 3);
  CHECK(array == NULL && errno == ENOMEM);
  errno = 0;
  array = sodium_allocarray((size_t)1 << 32, (size_t)1 << 32);
  CHECK(array == NULL && errno == ENOMEM);
}

static void CheckArrays(void) {
  unsigned char* array = sodium_allocarray(100, 8);
  CHECK(array != NULL && array[0] == 0xdb && array[799] == 0xdb);
  CHECK(!CanRead(array + 800));
  sodium_free(array);
}

// "guaranteed to be aligned if the size is a multiple of the alignment": all of its structures are.
static void CheckAlignment(void) {
  for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    for (size_t count = 1; count < 5; ++count) {
      void* object = sodium_malloc(alignment * count);
      CHECK((uintptr_t)object % alignment == 0);
      sodium_free(object);
    }
  }
}

// --- Access -------------------------------------------------------------------------------------

static unsigned char* g_closed;
static unsigned char* g_read_only;
static unsigned char* g_open;

static void* CheckThreeStates(void* unused) {
  (void)unused;
  for (int i = 0; i < 200; ++i) {
    CHECK(!CanRead(g_closed) && !CanWrite(g_closed));
    CHECK(CanRead(g_read_only) && !CanWrite(g_read_only));
    CHECK(CanRead(g_open) && CanWrite(g_open));
  }
  return NULL;
}

// Objects are independent, and states are those of the process: on every thread, old and new.
static void CheckStatesOnEveryThread(void) {
  enum { kThreads = 4 };
  pthread_t threads[kThreads];
  g_closed = sodium_malloc(32);
  g_read_only = sodium_malloc(32);
  g_open = sodium_malloc(32);
  memset(g_closed, 1, 32);
  memset(g_read_only, 2, 32);
  memset(g_open, 3, 32);
  CHECK(sodium_mprotect_noaccess(g_closed) == 0);
  CHECK(sodium_mprotect_readonly(g_read_only) == 0);
  for (int i = 0; i < kThreads; ++i) {
    pthread_create(&threads[i], NULL, CheckThreeStates, NULL);
  }
  CheckThreeStates(NULL);
  for (int i = 0; i < kThreads; ++i) {
    pthread_join(threads[i], NULL);
  }
  CHECK(g_read_only[31] == 2 && g_open[31] == 3);
  CHECK(sodium_mprotect_readwrite(g_closed) == 0);
  CHECK(g_closed[0] == 1 && g_closed[31] == 1);
  sodium_free(g_closed);
  sodium_free(g_read_only);
  sodium_free(g_open);
}

// From every state to every state, with the contents kept, and freed from every state.
static void CheckTransitions(void) {
  int (*const change[])(void*) = {sodium_mprotect_noaccess, sodium_mprotect_readonly,
                                  sodium_mprotect_readwrite};
  static const size_t sizes[] = {32, 5000, 200000};
  for (int from = 0; from < 3; ++from) {
    for (int to = 0; to < 3; ++to) {
      for (int i = 0; i < 3; ++i) {
        const size_t bytes = sizes[i];
        unsigned char* object = sodium_malloc(bytes);
        memset(object, 7, bytes);
        CHECK(change[from](object) == 0 && change[to](object) == 0);
        CHECK(CanRead(object) == (to != 0) && CanWrite(object) == (to == 2));
        CHECK(CanRead(object + bytes - 1) == (to != 0));
        CHECK(!CanRead(object + bytes));
        if (to != 0) {
          CHECK(object[0] == 7 && object[bytes - 1] == 7);
        }
        sodium_free(object);
      }
    }
  }
}

// --- Locked, not dumped, wiped ------------------------------------------------------------------

// Whether the mapping of `at` has `flag` in smaps: lo for locked, dd for not dumped.
static int HasFlag(const void* at, const char* flag) {
  char line[512];
  char wanted[8];
  unsigned long begin;
  unsigned long end;
  int is_there = 0;
  int has = 0;
  FILE* smaps = fopen("/proc/self/smaps", "r");
  snprintf(wanted, sizeof(wanted), " %s", flag);
  while (fgets(line, sizeof(line), smaps) != NULL) {
    if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
      is_there = (uintptr_t)at >= begin && (uintptr_t)at < end;
    } else if (is_there && strncmp(line, "VmFlags:", 8) == 0) {
      has = strstr(line, wanted) != NULL;
    }
  }
  fclose(smaps);
  return has;
}

static int MayLock(void) {
  void* page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int may = mlock(page, 65536) == 0;
  munmap(page, 65536);
  return may;
}

static void CheckLockedAndNotDumped(void) {
  static const size_t sizes[] = {32, 5000, 20000};
  const int may_lock = MayLock();
  for (int i = 0; i < 3; ++i) {
    unsigned char* object = sodium_malloc(sizes[i]);
    CHECK(!may_lock || HasFlag(object, "lo"));
    CHECK(HasFlag(object, "dd"));
    sodium_mprotect_noaccess(object);
    CHECK(!may_lock || HasFlag(object, "lo"));
    CHECK(HasFlag(object, "dd"));
    sodium_free(object);
  }
}

// "fills the memory region with zeros before the deallocation". A pipe holds the page itself, also
// when the process does not have it any more.
static void CheckWiped(int (*change)(void*)) {
  unsigned char found[32];
  int ends[2];
  unsigned char* object = sodium_malloc(sizeof(found));
  memset(object, 0x77, sizeof(found));
  struct iovec part = {object, sizeof(found)};
  CHECK(pipe(ends) == 0);
  CHECK(vmsplice(ends[1], &part, 1, 0) == (ssize_t)sizeof(found));
  if (change != NULL) {
    CHECK(change(object) == 0);
  }
  sodium_free(object);
  CHECK(read(ends[0], found, sizeof(found)) == (ssize_t)sizeof(found));
  CHECK(sodium_is_zero(found, sizeof(found)));
  close(ends[0]);
  close(ends[1]);
}

// --- Death --------------------------------------------------------------------------------------

static void OverflowByOne(void) {
  ((volatile unsigned char*)sodium_malloc(33))[33] = 1;
}
static void ReadPastTheEnd(void) {
  (void)((volatile unsigned char*)sodium_malloc(33))[33];
}
static void OverwriteTheCanary(void) {
  volatile unsigned char* object = sodium_malloc(32);
  object[-1] ^= 1;
  sodium_free((void*)object);
}
static void OverwriteItsFirstByte(void) {
  volatile unsigned char* object = sodium_malloc(100000);
  object[-16] ^= 1;
  sodium_mprotect_readonly((void*)object);
  sodium_free((void*)object);
}
static void RunOffTheFront(void) {
  volatile unsigned char* object = sodium_malloc(32);
  for (int i = 0; i < 4096; ++i) {
    object[-i] = 1;
  }
}
static void WriteReadOnly(void) {
  volatile unsigned char* object = sodium_malloc(32);
  sodium_mprotect_readonly((void*)object);
  object[0] = 1;
}
static void ReadClosed(void) {
  volatile unsigned char* object = sodium_malloc(32);
  sodium_mprotect_noaccess((void*)object);
  (void)object[0];
}
static void UseAfterFree(void) {
  volatile unsigned char* object = sodium_malloc(32);
  sodium_free((void*)object);
  (void)object[0];
}
static void FreeTwice(void) {
  void* volatile object = sodium_malloc(32);
  sodium_free(object);
  sodium_free(object);
}

static void CheckDeaths(void) {
  CHECK(Dies(OverflowByOne));
  CHECK(Dies(ReadPastTheEnd));
  CHECK(Dies(OverwriteTheCanary));
  CHECK(Dies(OverwriteItsFirstByte));
  CHECK(Dies(RunOffTheFront));
  CHECK(Dies(WriteReadOnly));
  CHECK(Dies(ReadClosed));
  CHECK(Dies(UseAfterFree));
  CHECK(Dies(FreeTwice));
}

// --- Threads and processes ----------------------------------------------------------------------

static void* Work(void* argument) {
  const unsigned seed = (unsigned)(uintptr_t)argument;
  unsigned char* objects[16] = {NULL};
  for (unsigned i = 0; i < 2000; ++i) {
    const unsigned at = (i * 7 + seed) % 16;
    if (objects[at] != NULL) {
      CHECK(sodium_mprotect_readwrite(objects[at]) == 0);
      CHECK(objects[at][0] == (unsigned char)seed);
      sodium_free(objects[at]);
    }
    objects[at] = sodium_malloc(1 + i * 37 % 9000);
    objects[at][0] = (unsigned char)seed;
    CHECK((i % 2 == 0 ? sodium_mprotect_noaccess : sodium_mprotect_readonly)(objects[at]) == 0);
  }
  for (int i = 0; i < 16; ++i) {
    sodium_free(objects[i]);
  }
  return NULL;
}

static void CheckManyThreads(void) {
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; ++i) {
    pthread_create(&threads[i], NULL, Work, (void*)(i + 1));
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
}

// A child has a copy with the same states, and can go on as its parent can.
static void CheckFork(void) {
  unsigned char* object = sodium_malloc(32);
  memset(object, 9, 32);
  sodium_mprotect_readonly(object);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(CanRead(object) && !CanWrite(object) && !CanRead(object + 32));
    CHECK(sodium_mprotect_readwrite(object) == 0);
    object[0] = 10;
    sodium_free(object);
    Work((void*)5);
    fflush(stdout);
    _exit(g_broken);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(object[0] == 9);
  sodium_free(object);
}

int main(void) {
  struct sigaction action = {.sa_handler = OnFault, .sa_flags = SA_NODEFER};
  if (sodium_init() < 0) {
    return 2;
  }
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  CheckPlaceAndContents();
  CheckEmptyObjects();
  CheckTooLarge();
  CheckArrays();
  CheckAlignment();
  CheckStatesOnEveryThread();
  CheckTransitions();
  CheckLockedAndNotDumped();
  CheckWiped(NULL);
  CheckWiped(sodium_mprotect_noaccess);
  CheckWiped(sodium_mprotect_readonly);
  CheckDeaths();
  CheckManyThreads();
  CheckFork();
  if (!g_broken) {
    puts("all rules hold");
  }
  return g_broken;
}
