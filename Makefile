# SPDX-License-Identifier: MIT
# make        builds build/continueplz (packages: make packages)
# make install  PREFIX (/usr/local) and DESTDIR as usual, with completion for bash, zsh and fish and the man page; make uninstall
# make generated  writes what is made from the tables of the program: .example.env, docs/cli.md
# make demo   the main job against the simulator, from a bare machine
# make check  every test (about ten minutes); make check-fast, the quick ones (less than two); make lint, make bench, make fuzz, make clean
# make cross  other flags (-O3, -march), 64-bit ARM and musl: built, and run under qemu where need be; part of CI
# make e2e-all  every end-to-end case at every cloud where it makes sense (tests/e2e/table.lua; make check plays some of them at some); half an hour
# make dst    the long campaign: every crash point in every way, the long cases, the tables of docs/safety.md; hours
# make mutants  can the money campaign and the guest's tests fail? Some minutes; not part of make check
# make metrics  the longest functions, the largest files, who asks for whom
# make live   asks the clouds of your own keys, and rents only after you typed a limit; docs/live.md; not part of check
# make kube   CoreWeave and its simulator beside a real Kubernetes API server, built once from its Go modules (about seven minutes); not part of check
# make vm     the delivery on a real virtual machine, emulated; not part of check (VM=PATTERN: only some cases)
PREFIX ?= /usr/local
BUILD ?= build
SANITIZED ?= build-asan
FUZZED ?= build-fuzz
CROSS ?= build-cross
CLANG ?= $(shell command -v clang-14 || command -v clang)
FUZZ_SECONDS ?= 60
JOBS := $(shell getconf _NPROCESSORS_ONLN)
MAKEFLAGS += --no-print-directory

.PHONY: all install uninstall generated packages check-packages sanitized fuzzed demo check check-fast cross e2e-all dst mutants bench fuzz live vm kube lint metrics clean

all:
	cmake -S . -B $(BUILD)
	MAKEFLAGS= cmake --build $(BUILD) --parallel $(JOBS)

BASH_COMPLETION = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH_COMPLETION = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH_COMPLETION = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
MAN = $(DESTDIR)$(PREFIX)/share/man/man1
COMPLETION = $(BUILD)/continueplz -C / --no-user help --completion

# What was built as somebody is installed as root, not built anew by root.
install:
	@[ -x $(BUILD)/continueplz ] || $(MAKE) all
	DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(PREFIX)" --strip
	@mkdir -p "$(BASH_COMPLETION)" "$(ZSH_COMPLETION)" "$(FISH_COMPLETION)" "$(MAN)"
	@$(COMPLETION)=bash >"$(BASH_COMPLETION)/continueplz" && $(COMPLETION)=zsh >"$(ZSH_COMPLETION)/_continueplz"
	@$(COMPLETION)=fish >"$(FISH_COMPLETION)/continueplz.fish"
	@$(BUILD)/continueplz -C / --no-user help --manual >"$(MAN)/continueplz.1"
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) echo "To find it: export PATH=\"$(PREFIX)/bin:\$$PATH\"" ;; esac

uninstall:
	rm -rf "$(DESTDIR)$(PREFIX)/bin/continueplz" "$(DESTDIR)$(PREFIX)/share/doc/continueplz" \
		"$(BASH_COMPLETION)/continueplz" "$(ZSH_COMPLETION)/_continueplz" \
		"$(FISH_COMPLETION)/continueplz.fish" "$(MAN)/continueplz.1"

generated:
	$(MAKE) all
	CONTINUEPLZ_SCRIPTS=tests $(BUILD)/continueplz tests/write_generated.lua

packages:
	vendor/bootstrap build

check-packages:
	vendor/bootstrap check

sanitized:
	cmake -S . -B $(SANITIZED) -DSANITIZE=ON
	MAKEFLAGS= cmake --build $(SANITIZED) --parallel $(JOBS)

fuzzed:
	cmake -S . -B $(FUZZED) -DFUZZ=ON -DGUEST=OFF -DCMAKE_C_COMPILER=$(CLANG)
	MAKEFLAGS= cmake --build $(FUZZED) --parallel $(JOBS)

demo: packages
	cmake -S . -B $(BUILD)
	MAKEFLAGS= cmake --build $(BUILD) --parallel $(JOBS) --target continueplz
	@BUILD=$(BUILD) tests/demo.sh

check: check-packages
	@began=$$(date +%s); $(MAKE) -j3 --output-sync=target all sanitized fuzzed && \
	CHECK_BEGAN=$$began BUILD=$(BUILD) SANITIZED=$(SANITIZED) FUZZED=$(FUZZED) tests/check

check-fast: check-packages
	$(MAKE) all
	@BUILD=$(BUILD) tests/check fast

cross:
	vendor/bootstrap cross
	@BUILD=$(BUILD) CROSS=$(CROSS) tests/check cross

e2e-all: check-packages
	$(MAKE) all
	CONTINUEPLZ_SCRIPTS=tests $(BUILD)/continueplz tests/e2e/run.lua --all

# Each cloud's largest bills are played by the long cases; what was ordered and happened is printed for all together.
dst: check-packages
	$(MAKE) all
	CONTINUEPLZ_SCRIPTS=tests $(BUILD)/continueplz tests/dst/run.lua --long --crash

mutants: check-packages
	$(MAKE) all
	@bad=0; for list in tests/dst/mutants.lua tests/guest/mutants.lua; do \
	BUILD=$(BUILD) CONTINUEPLZ_SCRIPTS=tests $(BUILD)/continueplz $$list || bad=1; done; exit $$bad

bench: check-packages
	$(MAKE) all
	BUILD=$(BUILD) tests/bench.sh

fuzz: check-packages
	$(MAKE) fuzzed
	@FUZZED=$(FUZZED) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/check fuzz

live: check-packages
	$(MAKE) all
	@CONTINUEPLZ_SCRIPTS=tests $(BUILD)/continueplz --no-user tests/live/run.lua --dir=$(BUILD)/live

vm:
	vendor/bootstrap vm
	$(MAKE) all
	@BUILD=$(BUILD) tests/vm/run.sh $(if $(VM),"$(VM)")

kube:
	vendor/bootstrap kube
	$(MAKE) all
	@BUILD=$(BUILD) tests/kube/run.sh $(KUBE)

lint:
	@tests/check lint

metrics:
	@[ -x $(BUILD)/continueplz ] || $(MAKE) all
	@CONTINUEPLZ_SCRIPTS=tests $(BUILD)/continueplz -C / tests/metrics.lua

clean:
	rm -rf $(BUILD) $(SANITIZED) $(FUZZED) $(CROSS)
