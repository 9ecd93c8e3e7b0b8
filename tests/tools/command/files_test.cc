#include "tools/pageward/command/files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

namespace fs = std::filesystem;

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    fs::remove_all(folder_);
    fs::create_directory(folder_);
  }
  ~FilesTest() override { fs::remove_all(folder_); }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  std::string In(const std::string& name) const { return folder_ / name; }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(FilesTest, WhatIsWrittenIsRead) {
  const std::string contents("one\0two\n", 8);
  WriteFiles(folder_, {{"a", contents}, {"b", ""}});
  EXPECT_EQ(ReadFile(In("a")), contents);
  EXPECT_EQ(ReadFile(In("b")), "");
  EXPECT_EQ(Names().size(), 2u) << "and nothing temporary is left";
}

TEST_F(FilesTest, WhatWasThereIsReplaced) {
  WriteFiles(folder_, {{"a", "long and old"}});
  WriteFiles(folder_, {{"a", "new"}});
  EXPECT_EQ(ReadFile(In("a")), "new");
}

TEST_F(FilesTest, IfOneCannotBeWrittenNoneIsThere) {
  try {
    WriteFiles(folder_, {{"a", "1"}, {"no such folder/b", "2"}});
    ADD_FAILURE();
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("No such file"), std::string::npos)
        << failure.what();
  }
  EXPECT_TRUE(Names().empty());
}

TEST_F(FilesTest, AFileThatCannotBeReadIsTold) {
  EXPECT_THROW(ReadFile(In("nothing")), Failure);
  EXPECT_THROW(ReadFile(folder_), Failure);
}

TEST_F(FilesTest, AFolderIsMadeWithThoseAboveIt) {
  EXPECT_TRUE(MakeFolder(In("x/y")));
  EXPECT_FALSE(MakeFolder(In("x/y")));
  EXPECT_TRUE(fs::is_directory(In("x/y")));
  std::ofstream(In("file")) << "1";
  EXPECT_THROW(MakeFolder(In("file")), Failure);
  EXPECT_THROW(MakeFolder(In("file/below")), Failure);
}

}  // namespace
}  // namespace pageward::tool
