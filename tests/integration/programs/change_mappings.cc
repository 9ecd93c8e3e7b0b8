// Tries to change every mapping of closed metadata by system calls, which no protection key
// forbids: other rights, another key, gone, moved, replaced, emptied. Where metadata lies is asked
// of the kernel: it is what carries the key that is named.
//
// usage: change_mappings KEY [data]
//
// Prints "mappings N attempts M refused R". With `data` only those of the library's own data are
// tried. A change that is not refused ends the program, one way or another.
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool is_of_file = false;
};

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMost = 256;

Mapping g_mappings[kMost];
std::size_t g_count = 0;
Mapping g_library;
int g_attempts = 0;
int g_refused = 0;

int FindLibrary(dl_phdr_info* info, std::size_t, void*) {
  if (std::strstr(info->dlpi_name, "pageward-preload") == nullptr) {
    return 0;
  }
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type == PT_LOAD && (header.p_flags & PF_W) != 0) {
      g_library.begin = info->dlpi_addr + header.p_vaddr;
      g_library.end = g_library.begin + header.p_memsz;
    }
  }
  return 1;
}

// Without allocating: the heap must not change under it.
void FindMappings(unsigned key) {
  std::FILE* smaps = std::fopen("/proc/self/smaps", "r");
  static char buffer[1 << 16];
  std::setvbuf(smaps, buffer, _IOFBF, sizeof(buffer));
  char line[512];
  Mapping now;
  while (std::fgets(line, sizeof(line), smaps) != nullptr) {
    unsigned carried = 0;
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long inode = 0;
    if (std::sscanf(line, "%lx-%lx %*s %*s %*s %lu", &begin, &end, &inode) == 3) {
      now = Mapping{begin, end, inode != 0};
    } else if (std::sscanf(line, "ProtectionKey: %u", &carried) == 1 && carried == key &&
               g_count < kMost) {
      g_mappings[g_count++] = now;
    }
  }
  std::fclose(smaps);
}

void Count(const char* what, std::uintptr_t address, bool is_done) {
  ++g_attempts;
  if (!is_done && errno == EPERM) {
    ++g_refused;
    return;
  }
  std::printf("%s of %lx: %s\n", what, address, is_done ? "done" : std::strerror(errno));
  std::fflush(stdout);
  _exit(1);
}

void TryAll(std::uintptr_t address, bool is_of_file) {
  void* const page = reinterpret_cast<void*>(address);
  Count("mprotect", address, mprotect(page, kPage, PROT_READ | PROT_WRITE) == 0);
  Count("pkey_mprotect", address, pkey_mprotect(page, kPage, PROT_READ | PROT_WRITE, 0) == 0);
  Count("munmap", address, munmap(page, kPage) == 0);
  Count("mremap", address,
        mremap(page, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED,
               reinterpret_cast<void*>(0x10000000)) != MAP_FAILED);
  Count("mmap", address,
        mmap(page, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
            MAP_FAILED);
  // What a file stands behind may be emptied before Linux 6.17.
  if (!is_of_file) {
    Count("madvise", address, madvise(page, kPage, MADV_DONTNEED) == 0);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    return 2;
  }
  const bool only_data = argc > 2;
  dl_iterate_phdr(&FindLibrary, nullptr);
  std::free(std::malloc(100'000'000));
  FindMappings(static_cast<unsigned>(std::atoi(argv[1])));
  int tried = 0;
  for (std::size_t i = 0; i < g_count; ++i) {
    const Mapping& mapping = g_mappings[i];
    if (only_data && (mapping.begin < g_library.begin || mapping.end > g_library.end + kPage)) {
      continue;
    }
    ++tried;
    TryAll(mapping.begin, mapping.is_of_file);
    TryAll(mapping.end - kPage, mapping.is_of_file);
  }
  // The heap grows into what could not be changed, and takes back what it needs no more.
  for (int round = 0; round < 3; ++round) {
    void* objects[400];
    for (void*& object : objects) {
      object = std::malloc(300'000);
      std::memset(object, 1, 300'000);
    }
    for (void* object : objects) {
      std::free(object);
    }
  }
  std::printf("mappings %d attempts %d refused %d\n", tried, g_attempts, g_refused);
  return tried > 0 && g_attempts == g_refused ? 0 : 1;
}
