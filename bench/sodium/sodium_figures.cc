// Question: what does a guarded object cost, in time and in mappings, here and under libsodium?
//
// Under the preload library libsodium's names are the library's; libsodium's own functions are
// found by its handle. Both are called in turns, in one process, and each figure is the median of
// many turns. Prints `key value unit` lines; ends with 1 if it does not find two allocators.
#include <dlfcn.h>
#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace {

struct Allocator {
  void* (*allocate)(std::size_t) = nullptr;
  void (*free)(void*) = nullptr;
  int (*close)(void*) = nullptr;
  int (*make_read_only)(void*) = nullptr;
  int (*open)(void*) = nullptr;
};

// Allocations stay alive around the one that is measured, as they do in a program.
constexpr std::size_t kNeighbours = 100;
constexpr std::size_t kCounted = 1000;
constexpr int kTurns = 41;

template <typename Function>
void Find(void* handle, const char* name, Function* function) {
  void* found = ::dlsym(handle, name);
  std::memcpy(function, &found, sizeof(found));
}

Allocator FindLibsodium() {
  Allocator found;
  void* handle = ::dlopen("libsodium.so.23", RTLD_NOW);
  if (handle != nullptr) {
    Find(handle, "sodium_malloc", &found.allocate);
    Find(handle, "sodium_free", &found.free);
    Find(handle, "sodium_mprotect_noaccess", &found.close);
    Find(handle, "sodium_mprotect_readonly", &found.make_read_only);
    Find(handle, "sodium_mprotect_readwrite", &found.open);
  }
  return found;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <typename Act>
double NanosecondsOf(int repetitions, Act act) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < repetitions; ++i) {
    act();
  }
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  return taken.count() / repetitions;
}

// Measures both in turns; returns the median of the ratios of neighbouring turns.
template <typename Measure>
double Compare(const std::string& name, const Allocator& ours, const Allocator& theirs,
               Measure measure) {
  std::vector<double> our_times;
  std::vector<double> their_times;
  std::vector<double> ratios;
  for (int turn = 0; turn < kTurns; ++turn) {
    const double our = measure(ours);
    const double their = measure(theirs);
    our_times.push_back(our);
    their_times.push_back(their);
    ratios.push_back(our / their);
  }
  const double ratio = Median(ratios);
  std::printf("%s_pageward_ns %.0f ns\n", name.c_str(), Median(our_times));
  std::printf("%s_libsodium_ns %.0f ns\n", name.c_str(), Median(their_times));
  std::printf("%s_ratio %.3f x\n", name.c_str(), ratio);
  return ratio;
}

double CompareAllocating(std::size_t bytes, int repetitions, const Allocator& ours,
                         const Allocator& theirs) {
  return Compare("allocate_free_" + std::to_string(bytes), ours, theirs, [=](const Allocator& of) {
    return NanosecondsOf(repetitions, [&] { of.free(of.allocate(bytes)); });
  });
}

double CompareToggling(const char* name, int (*Allocator::*change)(void*), std::size_t bytes,
                       int repetitions, const Allocator& ours, const Allocator& theirs) {
  void* our = ours.allocate(bytes);
  void* their = theirs.allocate(bytes);
  const auto measure = [&](const Allocator& of) {
    void* object = &of == &ours ? our : their;
    return NanosecondsOf(repetitions, [&] {
      if ((of.*change)(object) != 0 || of.open(object) != 0) {
        std::abort();
      }
    });
  };
  const double ratio = Compare(name + std::to_string(bytes), ours, theirs, measure);
  ours.free(our);
  theirs.free(their);
  return ratio;
}

long Mappings() {
  std::ifstream maps("/proc/self/maps");
  long count = 0;
  for (std::string line; std::getline(maps, line);) {
    ++count;
  }
  return count;
}

// Objects that are open, and then alternately closed and read-only.
void CountMappings(const char* name, const Allocator& of) {
  std::vector<void*> objects(kCounted);
  const long before = Mappings();
  for (void*& object : objects) {
    object = of.allocate(32);
  }
  const long open = Mappings() - before;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    (i % 2 == 0 ? of.close : of.make_read_only)(objects[i]);
  }
  const long toggled = Mappings() - before;
  for (void* object : objects) {
    of.free(object);
  }
  std::printf("mappings_of_%zu_open_%s %ld mappings\n", kCounted, name, open);
  std::printf("mappings_of_%zu_toggled_%s %ld mappings\n", kCounted, name, toggled);
}

int Main(int repetitions) {
  const Allocator theirs = FindLibsodium();
  const Allocator ours = {sodium_malloc, sodium_free, sodium_mprotect_noaccess,
                          sodium_mprotect_readonly, sodium_mprotect_readwrite};
  if (sodium_init() < 0 || theirs.allocate == nullptr || theirs.allocate == ours.allocate) {
    std::fputs("sodium_figures: it needs libsodium and the preload library before it\n", stderr);
    return 1;
  }
  std::vector<void*> neighbours;
  for (const Allocator& of : {ours, theirs}) {
    for (std::size_t i = 0; i < kNeighbours; ++i) {
      neighbours.push_back(of.allocate(32));
    }
  }
  CountMappings("pageward", ours);
  CountMappings("libsodium", theirs);
  double worst = 0;
  for (const std::size_t bytes : {32u, 5000u, 100000u, 4000000u}) {
    const int times = bytes > 10000 ? repetitions / 10 + 1 : repetitions;
    worst = std::max(worst, CompareAllocating(bytes, times, ours, theirs));
  }
  for (const std::size_t bytes : {32u, 5000u, 100000u}) {
    worst = std::max(worst, CompareToggling("noaccess_readwrite_", &Allocator::close, bytes,
                                            repetitions, ours, theirs));
  }
  worst = std::max(worst, CompareToggling("readonly_readwrite_", &Allocator::make_read_only, 32,
                                          repetitions, ours, theirs));
  std::printf("default_ratio %.3f x\n", worst);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return Main(argc > 1 ? std::atoi(argv[1]) : 500);
}
