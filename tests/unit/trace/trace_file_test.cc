// On the real system: files, limits, and what a program may do to descriptors that it doesn't know.
#include "runtime/trace/trace_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "runtime/os/linux_os.h"

namespace pageward::trace {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

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
  static std::string Read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // The number that the file got. Requires: it was created just now.
  static int Descriptor() {
    for (int i = 200; i < 300; ++i) {
      if (fcntl(i, F_GETFD) >= 0) {
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
  ASSERT_TRUE(file_.Write(BytesOf("some ")).ok());
  ASSERT_TRUE(file_.Write(BytesOf("bytes")).ok());
  EXPECT_EQ(Read(PathOf("t")), "some bytes");
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
  ASSERT_TRUE(file_.Write(BytesOf("ours")).ok());
  TraceFile other;
  EXPECT_EQ(other.Create(os_, PathOf("t")).error(), Error::kInUse);
  EXPECT_EQ(Read(PathOf("t")), "ours");
  file_.Close();
  EXPECT_TRUE(other.Create(os_, PathOf("t")).ok());
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
  EXPECT_EQ(file_.Write(BytesOf("x")).error(), Error::kNotPermitted);
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
  const rlimit small = {8, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Status created = file_.Create(os_, PathOf("t"));
  const Status first = file_.Write(BytesOf("12345678"));
  const Status second = file_.Write(BytesOf("9"));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(created.ok());
  EXPECT_TRUE(first.ok());
  EXPECT_EQ(second.error(), Error::kLimit);
  EXPECT_EQ(Read(PathOf("t")), "12345678");
}

TEST_F(TraceFileTest, ADescriptorThatTheProgramClosedIsNotUsed) {
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  close(Descriptor());
  EXPECT_EQ(file_.Write(BytesOf("x")).error(), Error::kNotPermitted);
}

TEST_F(TraceFileTest, AFileOfTheProgramUnderTheSameNumberGetsNothing) {
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  const int number = Descriptor();
  const int theirs = open(PathOf("theirs").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(dup2(theirs, number), number);
  EXPECT_EQ(file_.Write(BytesOf("x")).error(), Error::kNotPermitted);
  file_.Close();
  EXPECT_GE(fcntl(number, F_GETFD), 0) << "and it is not closed";
  EXPECT_EQ(Read(PathOf("theirs")), "");
  close(theirs);
  close(number);
}

TEST_F(TraceFileTest, ACopyOfTheProcessWritesNothing) {
  ASSERT_TRUE(file_.Create(os_, PathOf("t")).ok());
  const pid_t child = fork();
  if (child == 0) {
    _exit(file_.Write(BytesOf("child")).ok() ? 1 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(file_.Write(BytesOf("parent")).ok());
  EXPECT_EQ(Read(PathOf("t")), "parent");
}

}  // namespace
}  // namespace pageward::trace
