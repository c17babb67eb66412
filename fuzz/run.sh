#!/bin/bash
# Runs every fuzz target for FUZZ_SECONDS seconds (20), or those named on the command line. Finds what there is to
# find in that time and stops at the first finding; it minimises and reports nothing further.
set -euo pipefail
cd "$(dirname "$0")"

# cargo-fuzz asks the compiler for the address sanitizer, which a stable compiler grants under this name only.
export RUSTC_BOOTSTRAP=1
seconds=${FUZZ_SECONDS:-20}
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
python3 seeds.py
for target in "${targets[@]}"; do
    echo "== $target, $seconds s"
    cargo fuzz run --fuzz-dir . "$target" -- \
        -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=0
done
echo "no finding in ${#targets[@]} targets"
