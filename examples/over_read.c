// A server with the bug that made Heartbleed: it sends back as many bytes as the request says that
// it has. Run it as `over_read plain` and as `over_read domain`: the bug is the same, and the key
// is in the answer only if it lies in ordinary memory.
//
// A second bug lets a client choose what is sent. It reaches the address of the key, and still gets
// nothing: outside a window the kernel does not read a domain either.
#include <errno.h>
#include <pageward/pageward.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY "-----the private key of the server-----"
enum { kAnswerBytes = 4096 };

typedef struct Server {
  char* key;
  char* request;
  int is_in_domain;
  pageward_domain domain;
} Server;

static int Start(Server* server) {
  // Keys and requests are allocated as a server does it, long before anybody asks.
  char* arena = calloc(1, 2 * kAnswerBytes);
  if (arena == NULL) {
    return 0;
  }
  server->request = arena;
  server->key = arena + 256;
  if (!server->is_in_domain) {
    strcpy(server->key, KEY);
    return 1;
  }
  void* key = NULL;
  pageward_window window;
  if (pageward_domain_create(NULL, &server->domain) != PAGEWARD_OK ||
      pageward_alloc(server->domain, sizeof(KEY), 0, &key) != PAGEWARD_OK ||
      pageward_window_open(server->domain, PAGEWARD_READ_WRITE, &window) != PAGEWARD_OK) {
    return 0;
  }
  server->key = strcpy(key, KEY);
  return pageward_window_close(&window) == PAGEWARD_OK;
}

// The bug: `claimed` comes from the client, and nobody compares it with what was received.
static void Answer(const Server* server, size_t claimed, char* answer) {
  memcpy(answer, server->request, claimed);
}

static int Contains(const char* bytes, size_t count, const char* text) {
  const size_t length = strlen(text);
  for (size_t at = 0; at + length <= count; ++at) {
    if (memcmp(bytes + at, text, length) == 0) {
      return 1;
    }
  }
  return 0;
}

int main(int argc, char** argv) {
  Server server = {.is_in_domain = argc == 2 && strcmp(argv[1], "domain") == 0};
  if (argc != 2 || (!server.is_in_domain && strcmp(argv[1], "plain") != 0)) {
    fprintf(stderr, "usage: over_read plain|domain\n");
    return 2;
  }
  char* answer = malloc(kAnswerBytes);
  if (answer == NULL || !Start(&server)) {
    fprintf(stderr, "over_read: there is no memory for it\n");
    return 1;
  }
  strcpy(server.request, "are you there?");
  Answer(&server, kAnswerBytes, answer);
  printf("over-read: %s\n",
         Contains(answer, kAnswerBytes, KEY) ? "the key is in the answer" : "no key in the answer");

  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) {
    return 1;
  }
  const ssize_t sent = write(pipe_ends[1], server.key, sizeof(KEY));
  printf("chosen address: %s\n", sent > 0          ? "the key is sent"
                                 : errno == EFAULT ? "nothing can be sent from there"
                                                   : strerror(errno));
  return 0;
}
