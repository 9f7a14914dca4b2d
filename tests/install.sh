#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make install, and uninstall, into a directory of this test; what is installed runs alone, and says what it
# lacks.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/cplz-install.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
unset CONTINUEPLZ_HOME CONTINUEPLZ_SCRIPTS VAST_API_KEY LAMBDA_API_KEY
export HOME=$dir/user
mkdir "$HOME"
failed=0

# expect NAME PATTERN COMMAND... : it prints what the pattern finds
expect() {
    local name=$1 pattern=$2 said
    shift 2
    said=$("$@" 2>&1)
    if grep -qE -e "$pattern" <<<"$said"; then
        echo "ok - $name"
    else
        echo "not ok - $name: printed instead of $pattern:"
        sed 's/^/  /' <<<"$said"
        failed=1
    fi
}

put() { make install BUILD="$build" DESTDIR="$dir/root" PREFIX="$1" 2>&1; }
names() { (cd "$dir/root" && find . ! -type d | sort); }

expect "make install says how it is found" '^To find it: export PATH="/opt/c p/bin:\$PATH"$' put "/opt/c p"
bin="$dir/root/opt/c p/bin/continueplz"
expect "program, papers and examples are installed" '/share/doc/continueplz/examples/workday.lua' names
expect "completion for bash is installed" '/share/bash-completion/completions/continueplz' names
expect "and for zsh" '/share/zsh/site-functions/_continueplz' names
expect "and for fish" '/share/fish/vendor_completions.d/continueplz.fish' names
expect "the man page is installed" '^\.SH EXIT STATUS$' cat "$dir/root/opt/c p/share/man/man1/continueplz.1"
completed() {
    bash -c 'source "$1"; COMP_LINE="continueplz sta" COMP_POINT=15 COMP_WORDS=(continueplz sta) COMP_CWORD=1
        _continueplz; echo "${COMPREPLY[@]}"' bash "$@"
}
expect "what is installed completes" '^status *$' completed \
    "$dir/root/opt/c p/share/bash-completion/completions/continueplz"
expect "the docs too" '/share/doc/continueplz/docs/overrides.md' names
(cd "$dir" && mkdir away && mv root/opt away/) # nothing in it may know where it was built or put
bin="$dir/away/opt/c p/bin/continueplz"
expect "what is installed says its version" '^continueplz [0-9]+\.[0-9]+\.[0-9]+' "$bin" --version
expect "what is installed carries its scripts and its guest" 'Money: none is running' env -C / "$bin" status
expect "nothing of the tree is in it" '^0$' grep -c "$PWD" "$bin"
found() { PATH=/opt/there/bin:$PATH put /opt/there | grep -c -e "To find it" -e "rror"; }
expect "no word about PATH where it is found" '^0$' found
make uninstall BUILD="$build" DESTDIR="$dir/root" PREFIX=/opt/there >/dev/null
expect "make uninstall leaves nothing" '^$' names

mkdir "$dir/none"
for name in libcurl.so.4 libcurl-gnutls.so.4; do echo "no library" >"$dir/none/$name"; done
printf 'VAST_API_KEY=some-key-0123456789\n' >"$dir/none/.env"
chmod 600 "$dir/none/.env"
expect "a machine without libcurl: the package is named" \
    'libcurl cannot be loaded; install it: libcurl4 \(Debian, Ubuntu: apt install libcurl4\)' \
    env LD_LIBRARY_PATH="$dir/none" "$bin" -C "$dir/none" offers
expect "and it says whether money runs" '^Money: ' env LD_LIBRARY_PATH="$dir/none" "$bin" -C "$dir/none" \
    offers
exit $failed
