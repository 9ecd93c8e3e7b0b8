#include "runtime/engine/config.h"

#include <gtest/gtest.h>

#include <string>

namespace pageward::engine {
namespace {

struct Parsed {
  bool ok;
  Config config;
  std::string complaint;
};

Parsed Parse(std::string_view text) {
  Parsed parsed{};
  Text<512> complaint;
  parsed.ok = ParseConfig(text, &parsed.config, &complaint);
  parsed.complaint = std::string(complaint.view());
  return parsed;
}

TEST(ConfigTest, NothingSaidIsTheDefault) {
  const Parsed parsed = Parse("");
  EXPECT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.config.profile, Profile::kStandard);
  EXPECT_EQ(parsed.config.required, Tiers());
}

TEST(ConfigTest, ReadsEachKindOfValue) {
  const Parsed parsed = Parse(
      "profile:strict,report:exit,pku:off,guard:off,freed:pageblock,leaves:table,quarantine:1M,"
      "huge:off,"
      "zone:64G,secretmem:off,arenas:3,space:sim,sodium:off,record:/a/b-%p");
  ASSERT_TRUE(parsed.ok) << parsed.complaint;
  const Config& config = parsed.config;
  EXPECT_EQ(config.profile, Profile::kStrict);
  EXPECT_EQ(config.report, ReportAt::kExit);
  EXPECT_FALSE(config.uses_keys);
  EXPECT_FALSE(config.uses_guards);
  EXPECT_EQ(config.freed_by, FreedBy::kPageblock);
  EXPECT_EQ(config.leaves_in, LeavesIn::kTable);
  EXPECT_EQ(config.quarantine_bytes, std::uint64_t{1} << 20);
  EXPECT_FALSE(config.uses_huge_pages);
  EXPECT_EQ(config.zone_bytes, std::uint64_t{64} << 30);
  EXPECT_FALSE(config.uses_secretmem);
  EXPECT_EQ(config.arenas, 3u);
  EXPECT_EQ(config.space, SpaceKind::kSim);
  EXPECT_EQ(config.sodium, SodiumMode::kOff);
  EXPECT_EQ(config.record_path, "/a/b-%p");
}

TEST(ConfigTest, SpacesAroundWordsDoNotMatter) {
  const Parsed parsed = Parse(" profile : strict , report:exit ");
  ASSERT_TRUE(parsed.ok) << parsed.complaint;
  EXPECT_EQ(parsed.config.profile, Profile::kStrict);
}

TEST(ConfigTest, TheLastOfTwoSettingsWins) {
  EXPECT_EQ(Parse("profile:strict,profile:compat").config.profile, Profile::kCompat);
}

TEST(ConfigTest, RequirementsMayGoOnAfterTheComma) {
  const Parsed parsed = Parse("require:metadata=sealed,domain=pku,report:exit");
  ASSERT_TRUE(parsed.ok) << parsed.complaint;
  EXPECT_EQ(parsed.config.required.of(Asset::kMetadata), Tier::kSealed);
  EXPECT_EQ(parsed.config.required.of(Asset::kDomain), Tier::kPku);
  EXPECT_EQ(parsed.config.report, ReportAt::kExit);
  EXPECT_FALSE(Parse("report:exit,domain=pku").ok);
}

// Spec: U8
TEST(ConfigTest, AnUnknownOptionNamesTheNearestAndAllThatThereAre) {
  const Parsed parsed = Parse("proflie:strict");
  EXPECT_FALSE(parsed.ok);
  EXPECT_EQ(parsed.complaint,
            "unknown option 'proflie'; did you mean 'profile'? Options are: profile require report "
            "pku guard freed leaves quarantine huge zone secretmem arenas space sodium "
            "record");
}

// Spec: U8
TEST(ConfigTest, ABadValueNamesTheOptionAndWhatItTakes) {
  const struct {
    const char* text;
    const char* part;
  } kCases[] = {
      {"profile:stirct", "bad value 'stirct' for option 'profile': it takes standard, strict"},
      {"report:", "bad value '' for option 'report': it takes off or exit"},
      {"pku:1", "for option 'pku': it takes on or off"},
      {"zone:3G", "for option 'zone': it takes a power of two"},
      {"zone:2T", "for option 'zone'"},
      {"zone:32M", "for option 'zone'"},
      {"quarantine:99999999999999999999", "for option 'quarantine': it takes a number of bytes"},
      {"quarantine:17179869184T", "for option 'quarantine'"},
      {"space:simulated", "for option 'space': it takes host or sim"},
      {"record:", "for option 'record'"},
      {"arenas:0", "for option 'arenas'"},
      {"arenas:4096", "for option 'arenas'"},
      {"arenas:-1", "for option 'arenas'"},
      {"require:heap=pku", "for option 'require': it takes ASSET=TIER"},
      {"require:domain=best", "for option 'require'"},
      {"require:domain", "for option 'require'"},
      {"strict", "'strict' is not of the form key:value"},
      {"profile:strict,", ""},
  };
  for (const auto& one : kCases) {
    const Parsed parsed = Parse(one.text);
    if (*one.part == '\0') {
      EXPECT_TRUE(parsed.ok) << one.text;
      continue;
    }
    EXPECT_FALSE(parsed.ok) << one.text;
    EXPECT_NE(parsed.complaint.find(one.part), std::string::npos) << parsed.complaint;
  }
}

TEST(ConfigTest, EveryKeyDescribesItself) {
  Text<4096> text;
  DescribeKeys(&text);
  EXPECT_FALSE(text.IsTruncated());
  for (const char* key : {"profile", "require", "report", "pku", "guard", "freed", "leaves",
                          "quarantine", "huge", "zone", "secretmem", "arenas", "space", "record"}) {
    EXPECT_NE(text.view().find(key), std::string_view::npos) << key;
  }
}

TEST(ConfigFileTest, AppliesWhatStandsBeforeTheSectionsAndItsOwn) {
  constexpr std::string_view kFile =
      "# for everybody\n"
      "report: exit\n"
      "\n"
      "[redis-server]\n"
      "profile: strict   # they hold secrets\n"
      "[ java ]\n"
      "profile: off\n";
  Config config;
  Text<256> complaint;
  ASSERT_TRUE(ParseConfigFile(kFile, "java", &config, &complaint)) << complaint.view();
  EXPECT_EQ(config.profile, Profile::kOff);
  EXPECT_EQ(config.report, ReportAt::kExit);
  config = Config();
  ASSERT_TRUE(ParseConfigFile(kFile, "redis-server", &config, &complaint));
  EXPECT_EQ(config.profile, Profile::kStrict);
  config = Config();
  ASSERT_TRUE(ParseConfigFile(kFile, "other", &config, &complaint));
  EXPECT_EQ(config.profile, Profile::kStandard);
}

TEST(ConfigFileTest, AMistakeNamesItsLineEvenInTheSectionOfAnotherProgram) {
  Config config;
  Text<512> complaint;
  EXPECT_FALSE(ParseConfigFile("report: exit\n[a]\nproflie: x\n", "b", &config, &complaint));
  EXPECT_EQ(complaint.view().substr(0, 33), "line 3: unknown option 'proflie';");
}

}  // namespace
}  // namespace pageward::engine
