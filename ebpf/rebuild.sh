#!/bin/sh
# Compiles the programs as build.rs does and makes the result the checked-in object: run it after every change in c/.
set -eu
cd "$(dirname "$0")/c"
clang-14 -g -O2 -Wall -Werror -target bpf -mcpu=v3 -fdebug-compilation-dir=. -c busdma.bpf.c -o ../prebuilt/busdma.bpf.o
llvm-strip-14 -g ../prebuilt/busdma.bpf.o
