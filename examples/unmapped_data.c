// Bulk data that is not in the program's memory: read from a file straight into unmapped memory,
// and looked at through views.
//
//   unmapped_data FILE
//
// Prints how many lines the file has, and the sum of its bytes, which it computes in views of 1
// MiB. Between them nothing of the file can be read by an overflow or a stray pointer, in any
// thread.
#include <fcntl.h>
#include <pageward/view.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kViewBytes = 1 << 20 };

static int fail(const char* what, pageward_status status) {
  fprintf(stderr, "unmapped_data: %s: status %d\n", what, (int)status);
  return 1;
}

// Counts through one view after the other.
static pageward_status count(pageward_unmapped data, size_t bytes, size_t* lines,
                             unsigned long* sum) {
  for (size_t at = 0; at < bytes; at += kViewBytes) {
    const size_t rest = bytes - at;
    pageward_view view;
    pageward_status status = pageward_view_get(data, at, rest < kViewBytes ? rest : kViewBytes,
                                               PAGEWARD_VIEW_READ_ONLY, &view);
    if (status != PAGEWARD_OK) {
      return status;
    }
    const unsigned char* shown = view.data;
    for (size_t i = 0; i < view.size; ++i) {
      *lines += shown[i] == '\n';
      *sum += shown[i];
    }
    status = pageward_view_put(&view);
    if (status != PAGEWARD_OK) {
      return status;
    }
  }
  return PAGEWARD_OK;
}

int main(int argc, char** argv) {
  const int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;
  struct stat about;
  if (file < 0 || fstat(file, &about) != 0 || about.st_size == 0) {
    fputs("usage: unmapped_data FILE (that is not empty)\n", stderr);
    return 2;
  }
  const size_t size = (size_t)about.st_size;
  pageward_unmapped data;
  pageward_status status = pageward_unmapped_alloc(size, &data);
  if (status != PAGEWARD_OK) {
    return fail("no unmapped memory", status);
  }
  size_t bytes = 0;
  while (bytes < size) {
    size_t got = 0;
    status = pageward_unmapped_populate(data, bytes, size - bytes, file, &got);
    if (status != PAGEWARD_OK || got == 0) {
      return fail("the file ended early", status);
    }
    bytes += got;
  }
  close(file);
  size_t lines = 0;
  unsigned long sum = 0;
  status = count(data, bytes, &lines, &sum);
  if (status != PAGEWARD_OK) {
    return fail("no view", status);
  }
  pageward_unmapped_info info = {.size = sizeof(info)};
  status = pageward_unmapped_describe(&info);
  if (status != PAGEWARD_OK) {
    return fail("no description", status);
  }
  printf("lines=%zu sum=%lu\n", lines, sum);
  fprintf(stderr, "secret from the kernel: %s; views for one thread only: %s\n",
          info.is_secret ? "yes" : "no", info.has_thread_views ? "yes" : "no");
  // Wiped as it goes.
  status = pageward_unmapped_free(data);
  return status == PAGEWARD_OK ? 0 : fail("not freed", status);
}
