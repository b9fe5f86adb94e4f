# What a person types. The work is in Tests/run (set-up, builds, checks) and CShims/assets.sh.

PYTHON ?= /usr/bin/python3
FUZZ_SECONDS ?= 6
PREFIX ?= /usr/local
MIZU_BIN ?= .build/release/mizu
export PYTHON FUZZ_SECONDS

# What `make install` puts below PREFIX, and `make uninstall` removes.
command := $(DESTDIR)$(PREFIX)/bin/mizu
bash := $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mizu
zsh := $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mizu
fish := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/mizu.fish

.PHONY: help run dev test build install uninstall assets tables soak asan tsan fuzz fresh lint format bench-http bench-live bench-sync bench-people bench-cluster screenshots pictures
.DEFAULT_GOAL := help

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## install what the build needs, build, serve the todo app on http://127.0.0.1:8080
	@Tests/run setup-build >&2
	@Tests/run build >&2
	@exec .build/release/mizu serve

dev: ## the todo app with mizu dev: edit, and see it in the open page
	@Tests/run setup-build >&2
	@swift build --product mizu >&2
	@exec .build/debug/mizu dev --target MizuTodoServer

test: ## install what the tests need, build, run every test, end with one summary
	@Tests/run test

build: ## release binaries: .build/release/mizu and .build/release/echo-server
	@Tests/run setup-build
	@Tests/run build

install: ## the command and its completions below PREFIX (/usr/local); builds it first if need be
	@test -x "$(MIZU_BIN)" || $(MAKE) build
	install -D -s -m 755 "$(MIZU_BIN)" "$(command)"
	install -d "$(dir $(bash))" "$(dir $(zsh))" "$(dir $(fish))"
	"$(MIZU_BIN)" completions bash >"$(bash)"
	"$(MIZU_BIN)" completions zsh >"$(zsh)"
	"$(MIZU_BIN)" completions fish >"$(fish)"

uninstall: ## remove exactly that
	rm -f "$(command)" "$(bash)" "$(zsh)" "$(fish)"

assets: ## write the tables of embedded files (CShims/CTemplates, each template's CShims/CAssets)
	@Tests/run setup-assets
	@sh CShims/assets.sh

tables: ## write what is written from the sources: flags, tables of the guides, examples of the units
	@Tests/run setup-build
	@MIZU_TABLES=write swift test --disable-xctest --filter WrittenTablesTests

soak: ## the long rounds: 1,000 kills, clusters for an hour, 10,000 schedules, ten minutes for each fuzzer
	@Tests/run soak

asan: ## Swift tests under the address sanitizer
	@Tests/run asan

tsan: ## Swift tests under the thread sanitizer
	@Tests/run tsan

fuzz: ## every fuzzer for FUZZ_SECONDS (6)
	@Tests/run fuzz

bench-http: ## HTTP beside nginx and the kernel's floor (ROUNDS=5 SECONDS_EACH=3): .build/bench/http.txt
	@Tests/run bench-http

bench-live: ## WebSockets beside the kernel's floor (ROUNDS=5 SECONDS_EACH=3): .build/bench/live.txt
	@Tests/run bench-live

bench-sync: ## pushes, pulls and pages beside nginx (ROUNDS=5 SECONDS_EACH=3): .build/bench/sync.txt
	@Tests/run bench-sync

bench-people: ## who is signed in: instructions, sockets, a storm, guesses (ROUNDS=1): .build/bench/people.txt
	@Tests/run bench-people

bench-cluster: ## several nodes over PostgreSQL and Redis (ROUNDS=3 SECONDS_EACH=3): .build/bench/cluster.txt
	@Tests/run bench-cluster

fresh: ## make run and make test on a new Debian 12 in a folder, as root and as a user with sudo
	@Tests/fresh

screenshots: ## pictures of every page in every dress, to look at: .build/screenshots
	@Tests/run screenshots

pictures: ## take the README's pictures again (REPORTS=".build/bench/http.json …" for its bars)
	@Tests/run pictures $(REPORTS)

lint: ## what swift format would change, as errors
	@Tests/run lint

format: ## format the Swift sources in place
	@swift format --in-place --parallel --recursive Package.swift Sources Tests Assets
