#!/usr/bin/env bash
# exported_symbols.sh LIBRARY INCLUDE_DIR: libkms.so exports exactly the functions that its public
# headers declare with KMS_PUBLIC, and they are all there. It allocates through libcrypto alone.
set -euo pipefail
library=$1
include=$2
declared=$(cat "$include"/kms/*.h | tr '\n' ' ' | grep -oE 'KMS_PUBLIC [^;(]*\(' |
    grep -oE '[a-z0-9_]+\($' | tr -d '(' | grep -v '^__attribute__$' | sort -u)
exported=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | sort -u)
[ -n "$declared" ]
if ! diff <(echo "$declared") <(echo "$exported"); then
    echo "not ok - the symbols above are declared but not exported (<), or exported but not declared (>)"
    exit 1
fi
echo "ok - libkms exports its $(wc -l <<<"$declared") public functions and nothing else"

allocating='malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|memalign|free|strdup|strndup|asprintf|vasprintf'
if nm -D --undefined-only "$library" | sed 's/@.*//' | grep -wE "$allocating"; then
    echo "not ok - libkms calls the functions above instead of libcrypto's allocator"
    exit 1
fi
echo "ok - libkms has no other allocator than libcrypto's"
