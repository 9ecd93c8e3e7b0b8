// Containers whose elements lie in a domain, down to the characters of the strings.
#include <pageward/pmr.h>

#include <cstdio>
#include <memory_resource>
#include <string>
#include <vector>

int main() {
  try {
    pageward::Domain domain("accounts");
    pageward::MemoryResource memory(domain);
    const pageward::Window window(domain);
    std::pmr::vector<std::pmr::string> names(&memory);
    for (int i = 0; i < 1000; ++i) {
      names.emplace_back("an account number that is too long for a short string: ")
          .append(std::to_string(i));
    }
    std::printf("%zu strings in a domain, the last one ends in %s\n", names.size(),
                names.back().c_str() + names.back().rfind(' ') + 1);
    const pageward::Secret<int> pin(domain, 1234);
    std::printf("a secret: %d\n", pin.Use([](int value) { return value; }));
  } catch (const pageward::Failure& failure) {
    std::fprintf(stderr, "containers: %s\n", failure.what());
    return 1;
  }
  return 0;
}
