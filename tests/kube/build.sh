#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh DIR: puts kube-apiserver, kube-controller-manager, kube-scheduler and kubectl of one version into
# DIR/bin, built from their public Go modules. The module k8s.io/kubernetes points at folders of its own
# repository for its parts; here each part is the published module of the same version.
set -eu

version=${KUBE_VERSION:-1.36.3}
mkdir -p "$1/bin" "$1/src"
dir=$(cd "$1" && pwd)
stamp=$dir/bin/version
programs='kube-apiserver kube-controller-manager kube-scheduler kubectl'
[ "$(cat "$stamp" 2>/dev/null || :)" != "$version $programs" ] || exit 0
command -v go >/dev/null || { echo "build.sh: Go is missing" >&2; exit 1; }
cd "$dir/src"
rm -f "$stamp" go.sum
began=$(date +%s)
printf 'module kube\n' >go.mod
manifest=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
{
    printf 'module kube\n\n'
    grep -E '^(go|godebug) ' "$manifest"
    sed -n '/^godebug (/,/^)/p' "$manifest"
    printf 'require k8s.io/kubernetes v%s\n' "$version"
    sed -n 's|^\t\(k8s.io/[^ ]*\) => ./staging/.*|replace \1 => \1 v0.'"${version#1.}|p" "$manifest"
} >go.mod
for program in $programs; do
    nice -n 15 go build -mod=mod -p "${KUBE_JOBS:-1}" -trimpath -o "$dir/bin/$program" \
        -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" \
        "k8s.io/kubernetes/cmd/$program"
    echo "$program $version: $(($(date +%s) - began)) s since the start of the build" >&2
done
echo "$version $programs" >"$stamp"
