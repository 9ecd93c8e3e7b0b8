// Question: what do many domains cost, of which only a few can have a key at a time?
//
// Windows on domains that have one (hits) and in turns on all (misses), and how many mappings the
// process has afterwards, itself and in a fork child. Prints `key value unit` lines.
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "bench/library/timing.h"

namespace pageward::bench {
namespace {

class ManyDomains {
 public:
  // Each with an object that has been written: a pageblock of its own.
  void Grow(std::size_t count) {
    while (domains_.size() < count) {
      pageward_domain domain = {0};
      Require(pageward_domain_create(nullptr, &domain));
      void* object = nullptr;
      Require(pageward_alloc(domain, 64, 0, &object));
      domains_.push_back(domain);
      objects_.push_back(static_cast<volatile unsigned char*>(object));
      Touch(domains_.size() - 1);
    }
  }

  void Touch(std::size_t at) const {
    pageward_window window;
    Require(pageward_window_open(domains_[at], PAGEWARD_READ_WRITE, &window));
    *objects_[at] = static_cast<unsigned char>(*objects_[at] + 1);
    Require(pageward_window_close(&window));
  }

  std::size_t size() const { return domains_.size(); }

 private:
  std::vector<pageward_domain> domains_;
  std::vector<volatile unsigned char*> objects_;
};

struct Misses {
  double nanoseconds = 0;
  double changes = 0;  // for each of them
};

Misses MeasureMisses(const ManyDomains& domains, std::uint64_t rounds) {
  const pageward_stats before = Stats();
  Misses misses;
  misses.nanoseconds = TimeOnce(domains.size() * rounds, [&](std::uint64_t i) {
    domains.Touch(static_cast<std::size_t>(i % domains.size()));
  });
  const pageward_stats after = Stats();
  const std::uint64_t loads = after.domain_loads - before.domain_loads;
  if (loads + 16 < domains.size() * rounds) {
    Give(1, "domains had keys that were to be without");
  }
  misses.changes = static_cast<double>(after.domain_key_changes - before.domain_key_changes) /
                   static_cast<double>(loads);
  return misses;
}

std::size_t MappingsOfChild() {
  int pipe[2] = {};
  if (::pipe(pipe) != 0) {
    Give(1, "no pipe");
  }
  std::size_t mappings = 0;
  const pid_t child = ::fork();
  if (child == 0) {
    mappings = MappingsOfProcess();
    ::_exit(::write(pipe[1], &mappings, sizeof(mappings)) == sizeof(mappings) ? 0 : 1);
  }
  const bool is_read = ::read(pipe[0], &mappings, sizeof(mappings)) == sizeof(mappings);
  ::waitpid(child, nullptr, 0);
  if (!is_read) {
    Give(1, "the child said nothing");
  }
  return mappings;
}

int Main(bool is_quick) {
  RequireKeys();
  ManyDomains domains;
  domains.Grow(4);
  const std::uint64_t count = is_quick ? 1000 : 1'000'000;
  Times one;
  Times hit;
  for (std::size_t round = 0; round < kRounds; ++round) {
    one.Add(TimeOnce(count, [&](std::uint64_t) { domains.Touch(0); }));
    hit.Add(TimeOnce(count, [&](std::uint64_t i) { domains.Touch(i % 4); }));
  }
  std::printf("window_ns %.2f ns\n", one.Median());
  std::printf("domain_hit_ns %.2f ns\n", hit.Median());
  std::printf("domain_hit_vs_window %.3f x\n", hit.Median() / one.Median());

  domains.Grow(1000);
  const Misses misses = MeasureMisses(domains, is_quick ? 1 : 20);
  std::printf("domain_miss_ns %.0f ns\n", misses.nanoseconds);
  std::printf("domain_miss_key_changes %.2f calls\n", misses.changes);
  std::printf("domains_1000_vmas %zu mappings\n", MappingsOfProcess());
  std::printf("domains_1000_vmas_in_child %zu mappings\n", MappingsOfChild());
  if (is_quick) {
    return 0;
  }
  const double made = TimeOnce(1, [&](std::uint64_t) { domains.Grow(10'000); }) / 9000;
  std::printf("domain_made_ns %.0f ns\n", made);
  const Misses many = MeasureMisses(domains, 2);
  std::printf("domains_10000_miss_ns %.0f ns\n", many.nanoseconds);
  std::printf("domains_10000_vmas %zu mappings\n", MappingsOfProcess());
  return 0;
}

}  // namespace
}  // namespace pageward::bench

int main(int count, char** arguments) {
  return pageward::bench::Main(pageward::bench::IsQuick(count, arguments));
}
