// Question: what does a compiler cost? It allocates for seconds, mostly small objects that live to
// the end, and passes its preload on to the program that does the work (cc1plus).
//
// A large translation unit by what it includes and instantiates, not by its own length. It is
// compiled by the suite `malloc`, and by the build so that it stays valid. WIDTH sets how much.
#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#ifndef WIDTH
#define WIDTH 3
#endif

namespace {

template <int kIndex>
struct Tag {
  int value = kIndex;
  friend bool operator<(const Tag& left, const Tag& right) { return left.value < right.value; }
};

// Each index makes types of its own, so nothing is shared between instantiations.
template <int kIndex>
class Registry {
 public:
  using Key = std::tuple<std::string, Tag<kIndex>>;
  using Value = std::variant<int, double, std::string, std::vector<Tag<kIndex>>>;

  void Add(const std::string& name, Value value) {
    entries_[Key(name, Tag<kIndex>())] = std::move(value);
    order_.push_back(std::make_unique<Key>(name, Tag<kIndex>()));
  }

  std::string Describe() const {
    std::ostringstream text;
    for (const auto& [key, value] : entries_) {
      text << std::get<0>(key) << std::setw(kIndex % 7 + 1) << value.index();
      std::visit(
          [&text](const auto& held) {
            if constexpr (std::is_arithmetic_v<std::decay_t<decltype(held)>>) {
              text << held;
            } else {
              text << held.size();
            }
          },
          value);
    }
    return text.str();
  }

  std::size_t Sort() {
    std::sort(order_.begin(), order_.end(),
              [](const auto& left, const auto& right) { return *left < *right; });
    std::stable_partition(order_.begin(), order_.end(),
                          [](const auto& key) { return std::get<0>(*key).size() > kIndex; });
    return std::accumulate(order_.begin(), order_.end(), std::size_t{0},
                           [](std::size_t sum, const auto& key) {
                             return sum + std::hash<std::string>()(std::get<0>(*key));
                           });
  }

 private:
  std::map<Key, Value> entries_;
  std::deque<std::unique_ptr<Key>> order_;
};

template <int kIndex>
std::size_t Exercise(unsigned seed) {
  Registry<kIndex> registry;
  std::unordered_map<std::string, std::function<int(int)>> steps;
  std::multiset<std::array<int, static_cast<std::size_t>(kIndex % 5 + 1)>> sets;
  for (int step = 0; step < kIndex; ++step) {
    const std::string name = "name" + std::to_string(seed++ * 7919 % 100);
    registry.Add(name, static_cast<double>(step));
    steps[name] = [step](int value) { return value * kIndex + step; };
    sets.insert({step});
  }
  std::optional<int> last;
  for (const auto& [name, step] : steps) {
    last = step(last.value_or(static_cast<int>(name.size())));
  }
  return registry.Sort() + registry.Describe().size() + sets.size() +
         static_cast<std::size_t>(last.value_or(0));
}

template <int... kIndexes>
std::size_t ExerciseAll(std::integer_sequence<int, kIndexes...>) {
  return (Exercise<kIndexes>(kIndexes) + ... + 0);
}

}  // namespace

int main() {
  std::cout << ExerciseAll(std::make_integer_sequence<int, WIDTH>()) << '\n';
}
