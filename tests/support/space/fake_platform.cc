#include "tests/support/frame/fake_converter.h"
#include "tests/support/space/conversion_platform.h"

namespace pageward::testing_support {
namespace {

using Kind = FakeConverter::Kind;

class FakePlatform final : public ConversionPlatform {
 public:
  explicit FakePlatform(std::uint32_t blocks) : converter_(blocks) {}

  frame::PageblockConverter& converter() override { return converter_; }
  bool IsReadable(FrameNumber frame) override { return converter_.IsPresent(frame); }
  bool IsWritable(FrameNumber frame) override { return converter_.IsPresent(frame); }
  char ReadHome(FrameNumber frame) override { return converter_.IsZero(frame) ? 0 : 's'; }
  void WriteHome(FrameNumber frame, char) override { converter_.Write(frame); }
  char ReadHidden(FrameNumber frame) override { return ReadHome(frame); }
  void WriteHidden(FrameNumber frame, char mark) override { WriteHome(frame, mark); }
  std::uint32_t changes() override { return converter_.CountOf(Kind::kSet); }
  void FailChange() override { converter_.FailSetAfterBlocks(0, Error::kTooManyMappings); }
  void FailChangeHalfway() override { converter_.FailSetAfterBlocks(1, Error::kTooManyMappings); }
  void set_observer(std::function<void()> observer) override {
    converter_.set_observer([observer = std::move(observer)](const FakeConverter::Step& step) {
      // Steps are seen as they begin; the flush begins when the change is made.
      if (step.kind == Kind::kFlush && observer) {
        observer();
      }
    });
  }

 private:
  FakeConverter converter_;
};

}  // namespace

std::unique_ptr<ConversionPlatform> MakeFakePlatform(std::uint32_t blocks) {
  return std::make_unique<FakePlatform>(blocks);
}

}  // namespace pageward::testing_support
