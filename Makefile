# make run and make test are all that a newcomer needs; the rest is for whoever changes the program.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help prepare prepare-test run build test try bench fuzz soak install deb format lint ci clean

SOURCES := Package.swift $(wildcard Sources Tests Benchmarks Fuzz)
FUZZ_SECONDS ?= 60
SOAK_KILLS ?= 1000
SOAK_TESTS ?=

# The Swift runtime goes into the binary where the toolchain has it in that form: one file to copy, faster to start.
STATIC = $(shell scripts/static-stdlib)
RELEASE = -c release $(STATIC) --product product-importer

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

prepare:
	@scripts/prepare

prepare-test:
	@scripts/prepare test

# exec: the program takes the shell's place, so that Ctrl-C and SIGTERM reach it and make waits for its end.
run: prepare ## build what is needed, then run the whole system; Ctrl-C stops it
	@scripts/stamp-commit
	@swift build $(RELEASE)
	@exec "$$(swift build $(RELEASE) --show-bin-path)/product-importer" up

build: prepare ## the release binary; prints where it is
	@scripts/stamp-commit
	@swift build $(RELEASE)
	@echo "$$(swift build $(RELEASE) --show-bin-path)/product-importer"

test: prepare-test ## all tests, the pages in a browser included
	@swift build --product product-importer
	@swift test
	@Tests/Browser/run "$$(swift build --show-bin-path)/product-importer"
	@Tests/Deploy/quick "$$(swift build --show-bin-path)/product-importer"
	@Tests/Docs/run "$$(swift build --show-bin-path)/product-importer"
	@Tests/Faults/run "$$(swift build --show-bin-path)/product-importer" quick

try: prepare-test build ## every way of deploy/ on clean systems, and what the program weighs; as root, minutes
	@{ command -v debootstrap && command -v buildah && command -v docker-compose; } > /dev/null \
		|| apt-get -qq install -y --no-install-recommends debootstrap buildah docker-compose
	@Tests/Deploy/weight "$$(swift build $(RELEASE) --show-bin-path)/product-importer"
	@Tests/Deploy/watchers "$$(swift build $(RELEASE) --show-bin-path)/product-importer" 20000
	@Tests/Deploy/run "$$(swift build $(RELEASE) --show-bin-path)/product-importer"
	@Tests/Deploy/container "$$(swift build $(RELEASE) --show-bin-path)/product-importer"

# Where things go: make install DESTDIR=/tmp/root PREFIX=/usr. Build first, as an ordinary user: make build.
PREFIX ?= /usr/local
DESTDIR ?=
install: ## the release binary with manual, completions and units, to PREFIX (/usr/local) below DESTDIR
	@scripts/install "$$(swift build $(RELEASE) --show-bin-path)/product-importer" $(PREFIX) $(DESTDIR)

deb: build ## a Debian package of it, in .build
	@scripts/make-deb "$$(swift build $(RELEASE) --show-bin-path)/product-importer" .build

bench: prepare-test ## the benchmark: ratios against psql, beside their goals
	@swift build $(RELEASE)
	@Benchmarks/run

fuzz: prepare ## feed the parser garbage: make fuzz FUZZ_SECONDS=600
	@Fuzz/run $(FUZZ_SECONDS)

soak: prepare-test ## hours of faults: make soak SOAK_KILLS=200 SOAK_TESTS=kills_test
	@swift build $(RELEASE)
	@FAULTS_KILLS=$(SOAK_KILLS) Tests/Faults/run "$$(swift build $(RELEASE) --show-bin-path)/product-importer" soak $(SOAK_TESTS)

format: ## format all Swift sources in place
	@swift format format --in-place --parallel --recursive $(SOURCES)

lint: ## formatting and import directions, as CI checks them
	@swift format lint --strict --parallel --recursive $(SOURCES)
	@scripts/check-imports

ci: ## everything that CI checks
	@.ci/run

clean: ## remove what was built; the data in var/ stays
	@swift package clean
	@rm -rf .bench
