// On the real system: files, limits, and what a program may do to descriptors that it doesn't know.
#include "runtime/trace/trace_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "runtime/os/linux_os.h"
#include "runtime/os/syscall.h"
#include "tests/support/os/faulty_os.h"

namespace pageward::trace {
namespace {

namespace fs = std::filesystem;

class TraceFileTest : public testing::Test {
 protected:
  TraceFileTest() {
    std::string name = (fs::temp_directory_path() / "trace-file-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~TraceFileTest() override {
    file_.Close();
    fs::remove_all(folder_);
  }

  std::string PathOf(const std::string& name) const { return (folder_ / name).string(); }
  // Puts `text` into the next room, which it does not fill.
  static Status Write(TraceFile& file, std::string_view text) {
    const Result<std::span<std::byte>> room = file.NextRoom();
    if (room.ok()) {
      std::memcpy(room->data(), text.data(), text.size());
    }
    return room.ok() ? Status() : room.error();
  }
  static std::string Read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // The number that the file "t" got; -1 if it is not open.
  int Descriptor() const {
    std::error_code ignored;
    for (int i = 200; i < 300; ++i) {
      if (fs::read_symlink("/proc/self/fd/" + std::to_string(i), ignored) == PathOf("t")) {
        return i;
      }
    }
    return -1;
  }

  os::LinuxOs os_;
  fs::path folder_;
  TraceFile file_;
};

TEST_F(TraceFileTest, WhatIsWrittenIsInTheFileAndNothingElse) {
  std::ofstream(PathOf("t")) << "what was there before, and longer";
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  ASSERT_TRUE(Write(file_, "some").ok());
  ASSERT_TRUE(Write(file_, "bytes").ok());
  ASSERT_TRUE(file_.End(TraceFile::kRoomBytes + 5).ok());
  const std::string contents = Read(PathOf("t"));
  ASSERT_EQ(contents.size(), TraceFile::kRoomBytes + 5);
  EXPECT_EQ(contents.substr(0, 4), "some");
  EXPECT_EQ(contents.substr(4, TraceFile::kRoomBytes - 4),
            std::string(TraceFile::kRoomBytes - 4, '\0'));
  EXPECT_EQ(contents.substr(TraceFile::kRoomBytes), "bytes");
}

TEST_F(TraceFileTest, WhatAKilledProcessWroteIsThere) {
  const pid_t child = fork();
  if (child == 0) {
    if (file_.Create(os_, PathOf("t")).ok() && Write(file_, "written").ok()) {
      raise(SIGKILL);
    }
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(Read(PathOf("t")).substr(0, 7), "written");
}

TEST_F(TraceFileTest, ItsDescriptorIsOutOfTheWayAndNotInherited) {
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  ASSERT_GE(Descriptor(), 200);
  EXPECT_EQ(fcntl(Descriptor(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(TraceFileTest, TheMarkStandsForTheProcess) {
  ASSERT_TRUE(file_.Create(os_, PathOf("a-%p-b")).ok());
  EXPECT_TRUE(fs::exists(PathOf("a-" + std::to_string(getpid()) + "-b")));
}

TEST_F(TraceFileTest, AFileThatIsBeingWrittenIsLeftAlone) {
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  ASSERT_TRUE(Write(file_, "ours").ok());
  TraceFile other;
  EXPECT_EQ(other.Create(os_, PathOf("t")).error(), Error::kInUse);
  EXPECT_EQ(Read(PathOf("t")).substr(0, 4), "ours");
  file_.Close();
  EXPECT_TRUE(other.Create(os_, PathOf("t")).ok());
  EXPECT_EQ(Read(PathOf("t")), "");
  other.Close();
}

TEST_F(TraceFileTest, OnlyRegularFilesThatCanBeWrittenAreTaken) {
  ASSERT_EQ(mkfifo(PathOf("pipe").c_str(), 0600), 0);
  EXPECT_EQ(file_.Create(os_, PathOf("pipe")).error(), Error::kInvalid);
  const int reader = open(PathOf("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_EQ(file_.Create(os_, PathOf("pipe")).error(), Error::kInvalid);
  close(reader);
  EXPECT_EQ(file_.Create(os_, "/dev/full").error(), Error::kInvalid);
  EXPECT_EQ(file_.Create(os_, folder_.string()).error(), Error::kInvalid);
  EXPECT_EQ(file_.Create(os_, PathOf("no/such/folder")).error(), Error::kNotPermitted);
  EXPECT_EQ(file_.Create(os_, std::string(TraceFile::kMostPath + 1, 'x')).error(), Error::kInvalid);
  EXPECT_EQ(Write(file_, "x").error(), Error::kNotPermitted);
}

TEST_F(TraceFileTest, WithoutDescriptorsThereIsNoTrace) {
  rlimit before = {};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few = {100, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  const Status created = file_.Create(os_, PathOf("t"));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(created.error(), Error::kNotPermitted);
}

TEST_F(TraceFileTest, TheLimitOfFileSizesEndsTheTraceAndNotTheProgram) {
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small = {TraceFile::kRoomBytes + 8, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Status created = file_.Create(os_, PathOf("t"));
  const Status first = Write(file_, "first");
  const Status second = Write(file_, "second");
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(created.ok());
  EXPECT_TRUE(first.ok());
  EXPECT_EQ(second.error(), Error::kLimit);
  EXPECT_EQ(Read(PathOf("t")).substr(0, 5), "first");
}

TEST_F(TraceFileTest, EachMappingCanFailAndTheFileIsFreeAgain) {
  testing_support::FaultyOs faulty;
  for (std::uint32_t step = 0; step < 2; ++step) {
    TraceFile file;
    faulty.faults().FailNthCall(step, Error::kNoAddressSpace);
    EXPECT_EQ(file.Create(faulty, PathOf("t")).error(), Error::kLimit) << step;
    faulty.faults().StopFailing();
    EXPECT_EQ(Descriptor(), -1);
    EXPECT_TRUE(file_.Create(os_, PathOf("t")).ok()) << "nobody holds it";
    file_.Close();
  }
}

TEST_F(TraceFileTest, ADescriptorThatTheProgramClosedIsNotUsed) {
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  close(Descriptor());
  EXPECT_EQ(Write(file_, "x").error(), Error::kNotPermitted);
}

TEST_F(TraceFileTest, AFileOfTheProgramUnderTheSameNumberGetsNothing) {
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  const int number = Descriptor();
  const int theirs = open(PathOf("theirs").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(dup2(theirs, number), number);
  EXPECT_EQ(Write(file_, "x").error(), Error::kNotPermitted);
  file_.Close();
  EXPECT_GE(fcntl(number, F_GETFD), 0) << "and it is not closed";
  EXPECT_EQ(Read(PathOf("theirs")), "");
  close(theirs);
  close(number);
}

// By whatever call it was made.
TEST_F(TraceFileTest, ACopyOfTheProcessKnowsThatItIsOneAndWritesNothing) {
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  ASSERT_TRUE(file_.IsOurs());
  const auto child = static_cast<pid_t>(os::Syscall(SYS_fork).value());
  if (child == 0) {
    _exit(file_.IsOurs() || Write(file_, "child").ok() || file_.End(0).ok() ? 1 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(file_.IsOurs());
  EXPECT_TRUE(Write(file_, "parent").ok());
  EXPECT_TRUE(file_.End(6).ok());
  EXPECT_EQ(Read(PathOf("t")), "parent");
}

}  // namespace
}  // namespace pageward::trace
