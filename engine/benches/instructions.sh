#!/usr/bin/env bash
# Instructions per operation of every case, counted by callgrind: the same number whatever else the machine does.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(cargo bench -p busdma-engine --bench instructions --no-run --message-format=json 2>/dev/null |
    grep -o '"executable":"[^"]*instructions-[^"]*"' | tail -n 1 | cut -d'"' -f4)
count() { # case iterations
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$1" "$2" 2>&1 |
        grep -o 'Collected : [0-9]*' | cut -d' ' -f3
}
for case in ${*:-a b c c2 d d2 e1 e2 e3 e4}; do
    few=$(count "$case" 1000)
    many=$(count "$case" 3000)
    echo "$case $(((many - few) / 2000))"
done
