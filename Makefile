# make demo    builds Slipway and takes a change from a push to a deployment
# make test    runs every test that this machine can run
# make build   writes bin/slipway
# make check   format, vet, lint, import rules, generated code
# make bench   measures, beside the machine's own limits

export CGO_ENABLED ?= 0
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS = -s -w -X main.version=$(VERSION)

.PHONY: all build demo test check bench generate lint clean

all: build

build:
	@[ -x bin/slipway ] || echo "building Slipway; the first time this takes some minutes"
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/slipway ./cmd/slipway

demo: build
	@$(GO) run -trimpath ./examples/demo

# SQLite is C that was translated to Go: to watch each of its accesses to memory takes half of the time of the tests.
# What is around it has atomics of its own, and must be watched.
RACELESS = -gcflags=modernc.org/sqlite/lib=-race=false

# With a C compiler the race detector looks on. The tests of e2e drive the built binary, so it would see nothing there.
test: build
	@if command -v cc >/dev/null 2>&1 && [ -z "$(NO_RACE)" ]; then \
		echo "go test -race (a C compiler is here)"; \
		CGO_ENABLED=1 $(GO) test -race $(RACELESS) -timeout 40m $$($(GO) list ./... | grep -v slipway/e2e) && $(GO) test -parallel 4 -timeout 40m ./e2e/...; \
	else \
		echo "go test (no C compiler here: without the race detector)"; \
		$(GO) test ./...; \
	fi

check: bin/golangci-lint
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags slipway_fault ./...
	bin/golangci-lint run --allow-parallel-runners ./...
	$(GO) generate ./...
	@git diff --exit-code --stat -- api docs internal || { echo "generated files were out of date; commit what make check made"; exit 1; }

bin/golangci-lint: tools/go.mod tools/go.sum
	@echo "building golangci-lint; this takes some minutes"
	cd tools && $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch bin/golangci-lint

bench: build
	$(GO) run ./bench

generate:
	$(GO) generate ./...

clean:
	rm -rf bin .demo
