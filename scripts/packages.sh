# Debian packages, and how to get them. Sourced by the scripts beside this file.

# need_packages PACKAGE...
#
# Installs what is missing if that is allowed (root, or sudo without a password); else says what to
# install and exits with 1.
need_packages() {
  local missing=() package
  for package in "$@"; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$'; then
      missing+=("$package")
    fi
  done
  if [ ${#missing[@]} -eq 0 ]; then
    return 0
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      printf 'Please install: apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo -n)
  fi
  printf 'installing: %s\n' "${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  # Services that come with a package are not wanted, only their programs.
  if ! "${as_root[@]}" env RUNLEVEL=1 apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null; then
    printf 'apt-get failed. Please install by hand: %s\n' "${missing[*]}" >&2
    exit 1
  fi
}

# What building takes.
BUILD_PACKAGES=(cmake ninja-build g++ binutils libjemalloc-dev libcli11-dev libfmt-dev nlohmann-json3-dev python3)
# What the demonstration runs.
DEMO_PACKAGES=(redis-server redis-tools sqlite3 python3 libjemalloc2 libsodium-dev pkg-config)
# What the tests are made of, and the programs that they run.
TEST_PACKAGES=(clang clang-format clang-tidy libclang-rt-14-dev libgtest-dev libgmock-dev libbenchmark-dev
  libsodium-dev pkg-config spin git perl redis-server redis-tools sqlite3 bind9 util-linux)
# An emulated processor: one with protection keys, and the MMU that ours is compared with.
KEYS_PACKAGES=(qemu-system-x86 busybox-static python3)
