#include "tests/support/frame/program.h"

#include <sstream>

namespace pageward::testing_support {
namespace {

MemoryKind DrawKind(Entropy& entropy) {
  return static_cast<MemoryKind>(entropy.Below(kMemoryKindCount));
}

Via DrawVia(Entropy& entropy) {
  return static_cast<Via>(entropy.Below(2));
}

std::uint32_t DrawFlags(Entropy& entropy) {
  return entropy.Below(8) == 0 ? entropy.Below(frame::kKnownFlags + 1) & FrameModel::kFlags : 0;
}

// Small orders mostly, sometimes whole pageblocks and more.
std::uint32_t DrawOrder(Entropy& entropy) {
  return entropy.Below(6) == 0 ? 9 + entropy.Below(3) : entropy.Below(9);
}

std::uint32_t DrawFrames(Entropy& entropy) {
  return 1 + entropy.Below(entropy.Below(4) == 0 ? 2000 : 60);
}

std::uint32_t DrawWhich(Entropy& entropy) {
  return entropy.Below(1u << 16);
}

std::uint32_t DrawBlock(Entropy& entropy) {
  return entropy.Below(256);
}

// One kind of operation and how often it comes. Fields are drawn in the order of the braces.
struct Choice {
  std::uint32_t weight;
  Operation (*draw)(Entropy&);
};

constexpr Choice kChoices[] = {
    {30,
     [](Entropy& e) -> Operation {
       return op::Allocate{DrawOrder(e), DrawKind(e), DrawVia(e), DrawFlags(e)};
     }},
    {12,
     [](Entropy& e) -> Operation {
       return op::AllocateRun{DrawFrames(e), e.Below(8) == 0 ? DrawOrder(e) : 0, DrawKind(e),
                              DrawFlags(e)};
     }},
    {32,
     [](Entropy& e) -> Operation {
       return op::Free{DrawWhich(e), DrawVia(e)};
     }},
    {4,
     [](Entropy& e) -> Operation {
       return op::Grow{DrawWhich(e), DrawFrames(e)};
     }},
    {5,
     [](Entropy& e) -> Operation {
       return op::Split{DrawWhich(e), DrawWhich(e)};
     }},
    {4, [](Entropy& e) -> Operation { return op::Merge{DrawWhich(e)}; }},
    {1, [](Entropy& e) -> Operation { return op::Isolate{DrawBlock(e)}; }},
    {2, [](Entropy& e) -> Operation { return op::Unisolate{DrawBlock(e)}; }},
    {2, [](Entropy& e) -> Operation { return op::ReturnBlocks{DrawKind(e)}; }},
    {2, [](Entropy& e) -> Operation { return op::TrimLeaf{DrawBlock(e)}; }},
    {1, [](Entropy&) -> Operation { return op::Drain{}; }},
    {1, [](Entropy& e) -> Operation { return op::AddBlocks{1 + e.Below(2)}; }},
    {1, [](Entropy& e) -> Operation { return op::FailConverter{e.Below(3)}; }},
    {1, [](Entropy& e) -> Operation { return op::FailSet{e.Below(4)}; }},
    {1, [](Entropy& e) -> Operation { return op::FailLeaves{e.Below(3)}; }},
    {2, [](Entropy&) -> Operation { return op::StopFailing{}; }},
};

constexpr std::uint32_t kTotalWeight = [] {
  std::uint32_t total = 0;
  for (const Choice& choice : kChoices) {
    total += choice.weight;
  }
  return total;
}();

const char* NameOf(MemoryKind kind) {
  static constexpr const char* kNames[] = {"kMovable",  "kUnmovable", "kReclaimable",
                                           "kUnmapped", "kKeyedA",    "kKeyedB"};
  return kNames[static_cast<unsigned>(kind)];
}

// Prints each field as C++.
class Printer {
 public:
  explicit Printer(std::ostream& out) : out_(out) {}

  template <typename... Fields>
  void operator()(const char* name, Fields... fields) {
    out_ << "op::" << name << '{';
    [[maybe_unused]] const char* separator = "";
    ((out_ << separator, Print(fields), separator = ", "), ...);
    out_ << '}';
  }

 private:
  void Print(std::uint32_t value) { out_ << value; }
  void Print(MemoryKind kind) { out_ << "MemoryKind::" << NameOf(kind); }
  void Print(Via via) {
    out_ << (via == Via::kAllocator ? "Via::kAllocator" : "Via::kThreadLists");
  }

  std::ostream& out_;
};

struct PrintOperation {
  Printer print;

  void operator()(const op::Allocate& o) { print("Allocate", o.order, o.kind, o.via, o.flags); }
  void operator()(const op::AllocateRun& o) {
    print("AllocateRun", o.frames, o.alignment, o.kind, o.flags);
  }
  void operator()(const op::Free& o) { print("Free", o.which, o.via); }
  void operator()(const op::Grow& o) { print("Grow", o.which, o.extra); }
  void operator()(const op::Split& o) { print("Split", o.which, o.first); }
  void operator()(const op::Merge& o) { print("Merge", o.which); }
  void operator()(const op::Isolate& o) { print("Isolate", o.block); }
  void operator()(const op::Unisolate& o) { print("Unisolate", o.block); }
  void operator()(const op::ReturnBlocks& o) { print("ReturnBlocks", o.kind); }
  void operator()(const op::TrimLeaf& o) { print("TrimLeaf", o.block); }
  void operator()(const op::Drain&) { print("Drain"); }
  void operator()(const op::AddBlocks& o) { print("AddBlocks", o.count); }
  void operator()(const op::FailConverter& o) { print("FailConverter", o.after); }
  void operator()(const op::FailSet& o) { print("FailSet", o.blocks); }
  void operator()(const op::FailLeaves& o) { print("FailLeaves", o.after); }
  void operator()(const op::StopFailing&) { print("StopFailing"); }
};

}  // namespace

std::uint32_t ByteEntropy::Below(std::uint32_t limit) {
  std::uint32_t value = 0;
  for (std::uint32_t reach = 1; reach < limit && !bytes_.empty(); reach *= 256) {
    value = value * 256 + bytes_.front();
    bytes_ = bytes_.subspan(1);
  }
  return value % limit;
}

Operation Draw(Entropy& entropy) {
  std::uint32_t draw = entropy.Below(kTotalWeight);
  for (const Choice& choice : kChoices) {
    if (draw < choice.weight) {
      return choice.draw(entropy);
    }
    draw -= choice.weight;
  }
  return op::StopFailing{};
}

void Perform(const Operation& operation, FrameModel& model) {
  std::visit([&model](const auto& o) { o.Perform(model); }, operation);
}

std::string SourceOf(const Program& program) {
  std::ostringstream out;
  out << "TEST(FrameModelRegressionTest, NameTheBehaviour) {\n  RunProgram({\n";
  for (const Operation& operation : program) {
    out << "      ";
    std::visit(PrintOperation{Printer(out)}, operation);
    out << ",\n";
  }
  out << "  });\n}\n";
  return out.str();
}

}  // namespace pageward::testing_support
