// A signing service whose key only the signing function can see. libsodium makes the key and the
// signatures; the key lies in a domain, which Sign() opens for its own thread while it signs.
//
// cc signing.c $(pkg-config --cflags --libs pageward libsodium)
#include <errno.h>
#include <pageward/pageward.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Signer {
  pageward_domain domain;
  unsigned char* secret;  // In the domain.
  unsigned char open[crypto_sign_PUBLICKEYBYTES];
} Signer;

static pageward_status Start(Signer* signer) {
  pageward_domain_options options = PAGEWARD_DOMAIN_OPTIONS;
  options.name = "signing key";
  pageward_status status = pageward_domain_create(&options, &signer->domain);
  if (status != PAGEWARD_OK) {
    return status;
  }
  void* secret = NULL;
  status = pageward_alloc(signer->domain, crypto_sign_SECRETKEYBYTES, 0, &secret);
  if (status != PAGEWARD_OK) {
    return status;
  }
  signer->secret = secret;
  pageward_window window;
  status = pageward_window_open(signer->domain, PAGEWARD_READ_WRITE, &window);
  if (status != PAGEWARD_OK) {
    return status;
  }
  crypto_sign_keypair(signer->open, signer->secret);
  return pageward_window_close(&window);
}

// The one place that reads the key.
static pageward_status Sign(const Signer* signer, const char* text, unsigned char* signature) {
  pageward_window window;
  const pageward_status status = pageward_window_open(signer->domain, PAGEWARD_READ_ONLY, &window);
  if (status != PAGEWARD_OK) {
    return status;
  }
  crypto_sign_detached(signature, NULL, (const unsigned char*)text, strlen(text), signer->secret);
  return pageward_window_close(&window);
}

int main(void) {
  static const char kText[] = "pay 10 to Alice";
  Signer signer;
  if (sodium_init() < 0) {
    return 1;
  }
  pageward_status status = Start(&signer);
  unsigned char signature[crypto_sign_BYTES];
  if (status == PAGEWARD_OK) {
    status = Sign(&signer, kText, signature);
  }
  if (status != PAGEWARD_OK) {
    fprintf(stderr, "signing: %s\n", pageward_status_string(status));
    return 1;
  }
  const int is_right = crypto_sign_verify_detached(signature, (const unsigned char*)kText,
                                                   strlen(kText), signer.open) == 0;
  printf("signature: %s\n", is_right ? "right" : "wrong");

  // Whoever else has the pointer gets nothing out of it, and neither does the kernel for them.
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) {
    return 1;
  }
  const int is_sent = write(pipe_ends[1], signer.secret, crypto_sign_SECRETKEYBYTES) > 0;
  printf("key outside Sign(): %s\n", !is_sent && errno == EFAULT ? "out of reach" : "in reach");
  return pageward_domain_destroy(signer.domain) == PAGEWARD_OK && is_right && !is_sent ? 0 : 1;
}
