"""Programs that never heard of Pageward run as they always did."""

import os
import pathlib
import subprocess
import tempfile
import time

from harness import PRELOAD, PreloadTest, conf, main

SOURCE = """
#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<int>> words;
  for (int i = 0; i < 1000; ++i) words[std::to_string(i % 37)].push_back(i);
  std::cout << words.size() << ' ' << words["5"].size() << '\\n';
}
"""

PYTHON = """
import json, threading, collections
def work(n):
    d = collections.defaultdict(list)
    for i in range(20000):
        d[i % 97].append(str(i) * (i % 5))
    results[n] = len(json.dumps(d))
results = {}
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(results.items()))
"""


class ProgramTest(PreloadTest):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    # Spec: U1
    def test_a_shell(self) -> None:
        script = "x=$(for i in 1 2 3; do echo $i | tr 1-3 a-c; done); echo $x; (exit 3); echo $?"
        self.assert_same_output([self.need("bash"), "-c", script])
        self.assert_same_output([self.need("dash"), "-c", script])

    # Spec: U1
    def test_python_with_threads(self) -> None:
        python = self.need("/usr/bin/python3")
        self.assert_same_output([python, "-c", PYTHON])
        self.assert_same_output([python, "-c", PYTHON], PYTHONMALLOC="malloc")

    # Spec: U1
    def test_perl(self) -> None:
        script = 'my %h; $h{$_ % 1000} .= "$_," for 1..50000; print length(join "", values %h), "\\n"'
        self.assert_same_output([self.need("perl"), "-e", script])

    # Spec: U1
    def test_sqlite(self) -> None:
        sql = ("create table t(a integer, b text); with recursive c(x) as (select 1 union all "
               "select x+1 from c where x < 50000) insert into t select x, hex(x*x) from c; "
               "create index i on t(b); select count(*), sum(a), max(b) from t where b > '5';")
        self.assert_same_output([self.need("sqlite3"), ":memory:", sql])

    # Spec: U1
    def test_git(self) -> None:
        git = self.need("git")
        command = [git, "-C", self.folder.name]
        self.run_program([*command, "init", "-q"])
        pathlib.Path(self.folder.name, "file").write_text("text\n" * 1000)
        self.run_program([*command, "add", "file"])
        self.run_program([*command, "-c", "user.name=n", "-c", "user.email=", "commit", "-qm", "m"],
                         GIT_AUTHOR_DATE="2020-01-01T00:00:00Z",
                         GIT_COMMITTER_DATE="2020-01-01T00:00:00Z")
        self.assert_same_output([*command, "log", "--stat"])
        self.assert_same_output([*command, "fsck"])

    # Spec: U1
    def test_a_compiler(self) -> None:
        compiler = self.need("g++")
        source = pathlib.Path(self.folder.name, "a.cc")
        source.write_text(SOURCE)
        outputs = []
        for preload in (False, True):
            output = pathlib.Path(self.folder.name, f"a{int(preload)}.o")
            done = self.run_program([compiler, "-O2", "-c", source, "-o", output], preload=preload)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            outputs.append(output.read_bytes())
        self.assertEqual(outputs[0], outputs[1])

    # Spec: U1
    def test_a_java_virtual_machine(self) -> None:
        self.assert_same_output([self.need("java"), "-version"], timeout=120)

    # Spec: U1
    def test_node(self) -> None:
        script = ("const a = []; for (let i = 0; i < 1e5; i++) a.push({i, s: 'x'.repeat(i % 50)});"
                  "console.log(JSON.stringify(a).length)")
        self.assert_same_output([self.need("node"), "-e", script], timeout=120)

    # Spec: U3
    def test_named_has_one_allocator(self) -> None:
        named = self.need("named")
        self.assert_same_output([named, "-V"])


class RedisTest(PreloadTest):
    def ask(self, *words: str) -> str:
        return self.run_program([self.need("redis-cli"), "-s", self.socket, *words],
                                preload=False).stdout

    def wait_for_server(self) -> None:
        for _ in range(100):
            if os.path.exists(self.socket) and self.ask("ping") == "PONG\n":
                return
            time.sleep(0.05)
        self.fail("redis-server does not answer")

    # Spec: U1, U3
    def test_redis_serves_and_has_one_allocator(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.socket = os.path.join(folder.name, "socket")
        environment = self.environment(True, {"PAGEWARD_CONF": conf("report:exit")})
        with subprocess.Popen(
                [self.need("redis-server"), "--port", "0", "--unixsocket", self.socket, "--save",
                 "", "--dir", folder.name], env=environment, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True) as server:
            try:
                self.wait_for_server()
                self.run_program([self.need("redis-benchmark"), "-s", self.socket, "-q", "-n",
                                  "20000", "-t", "set,get,lpush"], preload=False)
                self.assertIn("mem_allocator:jemalloc-5.3", self.ask("info", "memory"))
                # Both are read through mallctl: zero would mean that another allocator answers.
                allocated = self.ask("memory", "stats").split("allocator.allocated\n")[1]
                self.assertGreater(int(allocated.split()[0]), 1 << 20)
                # Serving itself, the second library in the process would have made its mappings.
                maps = pathlib.Path(f"/proc/{server.pid}/maps").read_text()
                self.assertIn(os.path.basename(PRELOAD), maps)
                self.ask("shutdown", "nosave")
                _, report = server.communicate(timeout=20)
            finally:
                server.kill()
        self.assertIn("pageward: report of redis-server", report)


if __name__ == "__main__":
    main()
