// Processors over tables that change under them, against a reference that remembers every
// translation until something drops it, and walks by the predictor of sdm_predictor.h.
//
// With TLBs that never forget by themselves and walks that begin at the root, what an access gets
// is a function of the past: each outcome is predicted exactly, stale ones included. With TLBs as
// hardware has them, an outcome is the remembered one or the fresh one, and never anything else.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "tests/support/ptable/random.h"
#include "tests/support/ptable/sdm_predictor.h"
#include "tests/support/ptable/test_machine.h"

namespace pageward::ptable {
namespace {

using testing_support::FakeTableMemory;
using testing_support::Random;
using testing_support::SdmAccess;
using testing_support::SdmControls;
using testing_support::SdmMode;
using testing_support::SdmPrediction;
using testing_support::SdmPredictor;
using testing_support::TestMachine;
using testing_support::TlbSize;

constexpr std::uint32_t kCpus = 3;
constexpr std::uint64_t kTop = std::uint64_t{1} << 46;
constexpr std::uint64_t kGlobalBit = 1u << 8;

// All that a walk found, in one word of the layout of a leaf, and the size of its page.
struct Remembered {
  std::uint64_t page = 0;
  unsigned size_log2 = 0;
  std::uint64_t leaf = 0;
};

// One processor's memory of its walks. The smallest page serves.
class ReferenceTlb {
 public:
  std::optional<Remembered> Find(std::uint64_t linear) const {
    for (const unsigned size : {12u, 21u, 30u}) {
      const auto found = pages_.find({size, linear >> size});
      if (found != pages_.end()) {
        return Remembered{linear >> size << size, size, found->second};
      }
    }
    return std::nullopt;
  }
  void Remember(std::uint64_t linear, unsigned size, std::uint64_t leaf) {
    pages_[{size, linear >> size}] = leaf;
  }
  void ForgetPage(std::uint64_t linear) {
    for (const unsigned size : {12u, 21u, 30u}) {
      pages_.erase({size, linear >> size});
    }
  }
  void ForgetAllButGlobal() {
    std::erase_if(pages_, [](const auto& page) { return (page.second & kGlobalBit) == 0; });
  }
  void ForgetAll() { pages_.clear(); }

 private:
  std::map<std::pair<unsigned, std::uint64_t>, std::uint64_t> pages_;
};

class MmuModel {
 public:
  MmuModel(std::uint64_t seed, TlbSize size)
      : machine_(kCpus, 256, size,
                 size == TlbSize::kUnbounded ? WalkCaching::kOff : WalkCaching::kOn),
        is_exact_(size == TlbSize::kUnbounded),
        random_(seed),
        references_(kCpus) {
    controls_.wp = controls_.smap = controls_.smep = controls_.pke = controls_.pks = true;
    controls_.nxe = true;
    controls_.table = machine_.tables().table().root().value();
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      machine_.mmu(cpu).WriteCr4(kCr4);
    }
  }

  void Step() {
    switch (random_.Below(24)) {
      case 0:
      case 1:
      case 2:
        ChangeTables();
        break;
      case 3:
        Flush();
        break;
      case 4:
        ChangeRights();
        break;
      default:
        Access();
        break;
    }
  }

  std::uint64_t stale() const { return stale_; }
  std::uint64_t faults() const { return faults_; }
  std::uint64_t evictions() {
    std::uint64_t evictions = 0;
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      evictions += machine_.mmu(cpu).tlb().counters().evictions;
    }
    return evictions;
  }

 private:
  static constexpr std::uint64_t kSameSet = 256 * kFrameBytes;
  static constexpr std::uint64_t kCr4 =
      arch::Cr4::GlobalPages::kMask | arch::Cr4::NoUserFetch::kMask |
      arch::Cr4::NoUserAccess::kMask | arch::Cr4::UserKeys::kMask |
      arch::Cr4::SupervisorKeys::kMask;

  // Few pages, so that they meet often: neighbours in three pageblocks or, to have evictions, pages
  // that fall into the same set of a TLB.
  VirtAddr RandomAddress() {
    if (!is_exact_) {
      return VirtAddr(kTop + random_.Below(12) * kSameSet + random_.Below(512) * 8);
    }
    return VirtAddr(kTop + random_.Below(3) * kPageblockBytes + random_.Below(6) * kFrameBytes +
                    random_.Below(512) * 8);
  }

  VirtRange RandomRange() {
    const VirtAddr at = RandomAddress();
    if (random_.OneIn(4)) {
      return AlignedRange(at, kPageblockBytesLog2);
    }
    const VirtRange page = AlignedRange(at, kFrameBytesLog2);
    return VirtRange{page.begin, (1 + random_.Below(3)) * kFrameBytes};
  }

  // Without a flush. Tables stay, since the walk is meant to meet only what the model knows of.
  void ChangeTables() {
    auto& tables = machine_.tables();
    const VirtRange range = RandomRange();
    LeafAttributes attributes;
    attributes.permissions = {.is_readable = !random_.OneIn(6),
                              .is_writable = random_.OneIn(2),
                              .is_executable = random_.OneIn(2),
                              .is_user = random_.OneIn(2),
                              .key = arch::Pkey(static_cast<unsigned>(random_.Below(4)))};
    attributes.is_global = random_.OneIn(3);
    const PhysAddr frame = tables.kFrames + random_.Below(64) * kPageblockBytes;
    if (random_.OneIn(2)) {
      const PermissionChange change{.is_readable = attributes.permissions.is_readable,
                                    .is_writable = attributes.permissions.is_writable,
                                    .key = attributes.permissions.key};
      ASSERT_TRUE(tables.Protect(range, change).ok());
    } else {
      // Below a whole pageblock tables are not taken out; a large leaf is put in its place only
      // where there is none.
      if (range.bytes < kPageblockBytes) {
        ASSERT_TRUE(tables.Unmap(range).ok());
      }
      static_cast<void>(tables.Map(MapRequest{range, frame, attributes}));
    }
  }

  void Flush() {
    const auto cpu = static_cast<std::uint32_t>(random_.Below(kCpus));
    const VirtAddr at = RandomAddress();
    switch (random_.Below(5)) {
      case 0:
        machine_.mmu(cpu).Invlpg(at);
        references_[cpu].ForgetPage(at.value());
        break;
      case 1:
        machine_.mmu(cpu).WriteCr3(controls_.table);
        references_[cpu].ForgetAllButGlobal();
        break;
      case 2:
        machine_.mmu(cpu).WriteCr4(kCr4 & ~arch::Cr4::GlobalPages::kMask);
        machine_.mmu(cpu).WriteCr4(kCr4);
        references_[cpu].ForgetAll();
        break;
      default: {
        Shootdown shootdown = machine_.Shootdown();
        const VirtRange range = RandomRange();
        shootdown.Flush(FlushRequest{range, kFrameBytesLog2});
        const std::uint64_t pages = range.bytes >> kFrameBytesLog2;
        for (ReferenceTlb& reference : references_) {
          for (std::uint64_t page = 0; page < pages; ++page) {
            reference.ForgetPage(range.begin.value() + page * kFrameBytes);
          }
          if (pages > Shootdown::kMostSinglePages) {
            reference.ForgetAll();
          }
        }
        break;
      }
    }
  }

  void ChangeRights() {
    controls_.pkru = static_cast<std::uint32_t>(random_.Next() & random_.Next());
    controls_.pkrs = static_cast<std::uint32_t>(random_.Next() & random_.Next());
    controls_.ac = random_.OneIn(2);
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      machine_.mmu(cpu).WritePkru(arch::Pkru(controls_.pkru));
      machine_.mmu(cpu).WritePkrs(arch::Pkrs(controls_.pkrs));
      machine_.mmu(cpu).WriteAc(controls_.ac);
    }
  }

  // What the manual says about an access through a translation that is remembered: a walk through
  // tables that hold nothing else and permit all.
  SdmPrediction PredictFrom(const Remembered& page, std::uint64_t linear, SdmAccess access,
                            SdmMode mode) const {
    SdmControls controls = controls_;
    controls.table = 0;
    const unsigned steps = (page.size_log2 - 12) / 9;
    unsigned reads = 0;
    const SdmPredictor predictor(
        [&](std::uint64_t) { return ++reads == 4 - steps ? page.leaf : std::uint64_t{0x27}; });
    return predictor.Predict(controls, linear, access, mode);
  }

  // The word that stands for a whole path: the leaf with the rights of all, as one entry.
  static std::uint64_t Combined(const SdmPrediction& walk, std::uint64_t leaf_before, bool wrote) {
    std::uint64_t all = ~std::uint64_t{0};
    std::uint64_t any = 0;
    for (const auto& [address, word] : walk.entries) {
      all &= word;
      any |= word;
    }
    constexpr std::uint64_t kRwUs = 0x6;
    constexpr std::uint64_t kXd = std::uint64_t{1} << 63;
    return (leaf_before & ~kRwUs & ~kXd) | (all & kRwUs) | (any & kXd) | 0x20 |
           (wrote ? 0x40u : 0u);
  }

  void Access() {
    const auto cpu = static_cast<std::uint32_t>(random_.Below(kCpus));
    const VirtAddr at = RandomAddress();
    const SdmAccess access =
        random_.OneOf({SdmAccess::kRead, SdmAccess::kWrite, SdmAccess::kFetch});
    const SdmMode mode = random_.OneOf({SdmMode::kUser, SdmMode::kSupervisorExplicit});
    const SdmPredictor predictor(
        [this](std::uint64_t from) { return machine_.tables().memory().Load(PhysAddr(from)); });
    const std::uint64_t leaf = machine_.tables().table().Find(at).entry.word();
    const SdmPrediction fresh = predictor.Predict(controls_, at.value(), access, mode);
    ReferenceTlb& reference = references_[cpu];
    const std::optional<Remembered> remembered = reference.Find(at.value());
    std::optional<SdmPrediction> stale;
    if (remembered) {
      stale = PredictFrom(*remembered, at.value(), access, mode);
      // The first write has to walk.
      if (!stale->is_fault && access == SdmAccess::kWrite && (remembered->leaf & 0x40) == 0) {
        stale.reset();
        reference.ForgetPage(at.value());
      }
    }
    const Outcome outcome = machine_.mmu(cpu).Translate(
        at, ptable::Access{static_cast<AccessKind>(access),
                           mode == SdmMode::kUser ? AccessMode::kUser : AccessMode::kSupervisor});
    const bool is_stale = stale && Agrees(outcome, *stale);
    const bool is_fresh = Agrees(outcome, fresh);
    stale_ += is_stale && !is_fresh ? 1u : 0u;
    faults_ += outcome.IsPageFault() ? 1u : 0u;
    if (is_exact_) {
      ASSERT_TRUE(stale ? is_stale : is_fresh) << std::hex << at.value();
      ASSERT_EQ(outcome.source(), stale ? AnswerSource::kTlb : AnswerSource::kWalk);
    } else {
      ASSERT_TRUE(is_stale || is_fresh) << std::hex << at.value();
    }
    Note(reference, at.value(), outcome, fresh, leaf, access);
  }

  static bool Agrees(const Outcome& outcome, const SdmPrediction& prediction) {
    if (prediction.is_fault) {
      return outcome.IsPageFault() && outcome.code().value() == prediction.error_code;
    }
    return outcome.IsTranslated() && outcome.address() == PhysAddr(prediction.physical) &&
           outcome.page_bytes_log2() == prediction.page_size_log2;
  }

  static void Note(ReferenceTlb& reference, std::uint64_t linear, const Outcome& outcome,
                   const SdmPrediction& fresh, std::uint64_t leaf, SdmAccess access) {
    if (outcome.IsPageFault()) {
      reference.ForgetPage(linear);
    } else if (outcome.source() == AnswerSource::kWalk) {
      reference.Remember(linear, fresh.page_size_log2,
                         Combined(fresh, leaf, access == SdmAccess::kWrite));
    }
  }

  TestMachine machine_;
  const bool is_exact_;
  Random random_;
  SdmControls controls_;
  std::vector<ReferenceTlb> references_;
  std::uint64_t stale_ = 0;
  std::uint64_t faults_ = 0;
};

class MmuModelTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(MmuModelTest, EveryOutcomeIsTheRememberedOneOrElseTheManuals) {
  MmuModel model(GetParam(), TlbSize::kUnbounded);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_NO_FATAL_FAILURE(model.Step()) << "step " << i;
  }
  EXPECT_GT(model.stale(), 300u) << "nothing was stale, so nothing was tried";
  EXPECT_GT(model.faults(), 1000u);
}

TEST_P(MmuModelTest, WithCachesAsHardwareHasThemAnOutcomeIsOneOfTheTwo) {
  MmuModel model(GetParam(), TlbSize::kAsHardware);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_NO_FATAL_FAILURE(model.Step()) << "step " << i;
  }
  EXPECT_GT(model.stale(), 300u);
  EXPECT_GT(model.evictions(), 100u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MmuModelTest, testing::Values(1u, 2u, 3u, 4u));

}  // namespace
}  // namespace pageward::ptable
