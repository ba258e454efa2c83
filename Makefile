# mkmini. `make` builds the tool; `make help` lists what else there is.

GO       ?= go
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
OUT      ?= out
FUZZTIME ?= 10s
RUNS     ?= 3
ENTRIES  ?= 100000
BYTES    ?= 2147483648
CACHE    := $(CURDIR)/.cache

# Tests of the toolchains compile these; see .ci/setup.
export MKMINI_TEST_BUSYBOX ?= $(CACHE)/busybox-1.35.0.tar.bz2
export MKMINI_TEST_MUSL    ?= $(CACHE)/musl-1.2.3.tar.gz
export MKMINI_TEST_SKIPS   := $(CACHE)/skipped
# Else every program that has the race detector ends a second late.
export GORACE              ?= atexit_sleep_ms=0

.PHONY: build test test-slow demo lint generated bench bench-scale bench-scratch fuzz clean help

build: ## compile bin/mkmini, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/mkmini .

# One package more than there are processors: while a test waits for an emulator
# or a plugin that hangs, another works. `make lint` vets.
test: ## install what is missing, and run all tests
	.ci/setup test
	@rm -f '$(MKMINI_TEST_SKIPS)'
	$(GO) test -race -vet=off -p $$(($$(nproc) + 1)) -count=1 -timeout 60m ./... ; status=$$? ; \
	  if [ -s '$(MKMINI_TEST_SKIPS)' ]; then cat '$(MKMINI_TEST_SKIPS)'; fi ; exit $$status

test-slow: ## build cross compilers from source, some half an hour
	.ci/setup slow
	MKMINI_TEST_SLOW=1 $(GO) test -count=1 -timeout 240m -v -run '^TestSource$$' .

demo: build ## install what is missing, build the x86_64 system into OUT, and run it
	.ci/setup demo
	.ci/demo '$(OUT)'

lint: generated ## vet, staticcheck, gofmt, the imports' direction, generated code
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')) ; \
	  if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted" ; exit 1 ; fi
	$(GO) vet ./... ./testdata/bench
	for dir in plugins/examples/*/go.mod; do (cd "$${dir%/*}" && $(GO) vet ./...) || exit 1; done
	@mkdir -p '$(CACHE)'
	cd .ci/tools && $(GO) build -o '$(CACHE)/staticcheck' honnef.co/go/tools/cmd/staticcheck
	'$(CACHE)/staticcheck' ./... ./testdata/bench
	$(GO) test -count=1 -run '^TestImports$$' .

generated: ## check that the generated code is that of its sources
	cd plugins/proto/gen && $(GO) run . -check

fuzz: ## run each fuzz target for FUZZTIME
	@$(GO) list -f '{{.Dir}}{{range .TestGoFiles}} {{.}}{{end}}{{range .XTestGoFiles}} {{.}}{{end}}' ./... | \
	while read -r dir files; do \
	  [ -n "$$files" ] || continue ; \
	  for name in $$(cd "$$dir" && sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$files); do \
	    echo "$$name in $${dir#$(CURDIR)/}" ; \
	    (cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) .) || exit 1 ; \
	  done ; \
	done

bench: build ## compare with the same steps done by hand, RUNS times each
	.ci/setup test
	$(GO) run ./testdata/bench -mkmini bin/mkmini -runs $(RUNS)

bench-scale: build ## compare with tar, mksquashfs, mke2fs, docker and others: ENTRIES and BYTES
	.ci/setup test
	$(GO) run ./testdata/bench -scale -mkmini bin/mkmini -runs $(RUNS) -entries $(ENTRIES) -bytes $(BYTES)

bench-scratch: build ## compare the way from a bare Debian by hand and by mkmini; needs root
	nice -n -15 testdata/bench/scratch.sh bin/mkmini $(RUNS)

clean: ## remove what make made, but neither the store nor what was fetched
	rm -rf bin out '$(CACHE)/staticcheck'

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
