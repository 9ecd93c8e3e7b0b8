#!/bin/sh
# build_jemalloc.sh SOURCE BUILD: builds jemalloc's static PIC archive out of a copy of SOURCE.
set -eu
source=$1
build=$2
rm -rf "$build"
cp -r "$source" "$build"
cd "$build"
[ -x ./configure ] || ./autogen.sh --help >/dev/null 2>&1 || autoconf
# As Debian builds it, but for the C++ operators, which are ours.
./configure --disable-cxx --enable-prof --disable-doc --disable-syscall
make -j"$(nproc)" build_lib_static
