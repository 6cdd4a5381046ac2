# Of Debian, for the mail server.
SUITE ?= bookworm

# Of each fuzz target.
FUZZTIME ?= 1m

# Of the password service under load.
SOAK ?= 20m

# Of two instances of the service on a cluster that loses nodes.
LOAD ?= 20m

# Of the rounds of the tests on clusters, for a first look.
SHARE ?= 1

# Tools run in a fixed version and are no requirements of go.mod.
gofumpt     = go run mvdan.cc/gofumpt@v0.12.0
staticcheck = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
golangci    = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

help: ## Show this help.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## Check and test everything, screenshots of the page in dist; needs Go, and Docker or ISPMAIL_TEST_DSN (on Debian as root it installs what is missing).
	@.ci/need gcc gcc libc6-dev
	@.ci/need doveadm dovecot-core
	@.ci/need chromium chromium fonts-dejavu-core
	@.ci/need redis-server redis-server
	@.ci/need ssh-keygen openssh-client
	go vet ./...
	$(staticcheck) ./...
	@unformatted=$$($(gofumpt) -l .) && [ -z "$$unformatted" ] || { echo "Not formatted by gofumpt: $$unformatted"; exit 1; }
	@mkdir -p dist
	@env=$$(.ci/test-env mailserver) && eval "$$env" && set -x && \
		go test -count=1 -v -run '^TestMariaDB$$' ./ispmail/ispmailtest && \
		ISPMAIL_TEST_DOVEADM=required .ci/tests

test-all: test ## Test everything in the numbers that the project promises, on Debian 12 and 13; takes about two hours and a half.
	go test -count=1 -timeout 1h -run '^Test(Warnings|State)?Agree$$' ./ispmail/check -constellations 10000
	@env=$$(.ci/test-env) && eval "$$env" && set -x && \
		go test -count=1 -v -run '^TestPostfix$$' ./ispmail/internal/route -constellations 500
	$(MAKE) soak
	$(MAKE) soak-service
	$(MAKE) reproduce
	$(MAKE) deb-test
	$(MAKE) alerts-test
	$(MAKE) mariadb-test SUITE=trixie
	$(MAKE) cluster-test
	$(MAKE) cluster-test SUITE=trixie SHARE=0.05 LOAD=2m
	$(MAKE) mailserver-test SUITE=bookworm
	$(MAKE) mailserver-test SUITE=trixie

mariadb-test: ## Test the library with the MariaDB of SUITE.
	@env=$$(MARIADB_SUITE=$(SUITE) .ci/test-env) && eval "$$env" && set -x && \
		go test -count=1 -v -run '^TestMariaDB$$' ./ispmail/ispmailtest && \
		go test -count=1 ./ispmail/... ./passwd/cmd/ispmailctl

cluster-test: ## Test on Galera clusters and replicas, which it starts on this machine, with two instances of the service for LOAD (20m); takes about an hour.
	@.ci/need mariadbd mariadb-server galera-4
	@.ci/need rsync rsync
	@.ci/need haproxy haproxy
	@.ci/need redis-server redis-server
	@env=$$(.ci/cluster-root $(if $(filter file,$(origin SUITE)),,$(SUITE))) && eval "$$env" && set -x && \
		go test -count=1 -v -timeout 3h ./ispmail/internal/cluster -cluster -load $(LOAD) -share $(SHARE)

mailserver: ## Start a whole mail server in a container and say where to log in; SUITE=trixie for Debian 13, MAILSERVER_WEB_PORT and so on for other ports.
	@examples/mailserver/run $(SUITE)

mailserver-test: ## Test the mail server alone, with SUITE=trixie on Debian 13.
	@.ci/need chromium chromium fonts-dejavu-core
	@.ci/need ansible-playbook ansible
	@mkdir -p dist
	@env=$$(SUITE=$(SUITE) .ci/test-env mailserver) && eval "$$env" && set -x && \
		go test -count=1 -v -timeout 1h -artifacts -outputdir dist ./examples/mailserver -full

deb: ## Build the Debian package ispmail for amd64 and arm64 in dist.
	@examples/deployment/deb/build amd64 arm64

deb-test: ## Build the packages, ask lintian, and run what is in that for arm64 under qemu.
	@.ci/deb-test

alerts-test: ## Test the alerts with promtool, and with a real Prometheus while the service loses its database.
	@.ci/alerts-test

bench: ## Measure, and fail where something is slower than it should be; takes about two hours on an idle machine.
	@.ci/need redis-server redis-server
	@.ci/need nginx nginx-light
	@.ci/need apache2 apache2
	@env=$$(.ci/test-env) && eval "$$env" && set -x && \
		ISPMAIL_BENCH=1 go test -count=1 -p 1 -v -timeout 2h -run '^TestSpeed' ./...

lint: ## Run the linters of .golangci.yml, and look at the workflows of .github.
	$(golangci) run ./...
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# A database of one's own, where https://vuln.go.dev cannot be reached: VULNDB=file:///path.
vulncheck: ## Look for known vulnerabilities in everything that is linked, tests included, with the Go of releases.
	GOTOOLCHAIN=go$$(cat .ci/go) go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -test $(if $(VULNDB),-db $(VULNDB)) ./...

release: ## Build the packages and binaries of a release twice, compare them and write SHA256SUMS, in dist/release.
	@.ci/release

fmt: ## Format the code.
	$(gofumpt) -w .

soak: ## Run the faults and races in the numbers that the project promises; takes about 10 minutes.
	@env=$$(.ci/test-env) && eval "$$env" && set -x && \
		go test -count=1 -v -timeout 1h -run '^Test(Server|Cut.*|Held.*|Late.*|Swallowed.*|Concurrent.*|ChangeDuring.*|Increments|Replacements|Nested|OwnTables)$$' ./ispmail -soak

soak-service: ## Load, attack and disturb the password service for SOAK (20m), and attack it within the memory of its unit.
	@env=$$(.ci/test-env) && eval "$$env" && set -x && \
		go test -count=1 -v -timeout 3h -run '^TestSoak$$' ./passwd/cmd/ispmail-passwd -soak $(SOAK) && \
		go test -count=1 -v -timeout 1h -run '^TestMemoryUnderAttack$$' ./passwd/cmd/ispmail-passwd -full

reproduce: ## Build the service twice, each time from nothing, and compare the bits; takes some minutes.
	.ci/reproduce

# What go test -full compares with random input prints its seed; go test -seed repeats it.
fuzz: ## Run every fuzz target for FUZZTIME (1m), and compare package hash with libxcrypt and doveadm on random input.
	@.ci/need doveadm dovecot-core
	ISPMAIL_TEST_DOVEADM=required go test -count=1 -v -run '^Test(Like|SHACryptLike|Libxcrypt|VerifyVectors)' ./hash -full
	go test -run '^$$' -fuzz '^FuzzParse$$' -fuzztime $(FUZZTIME) ./hash
	go test -run '^$$' -fuzz '^FuzzVerify$$' -fuzztime $(FUZZTIME) ./hash
	go test -run '^$$' -fuzz '^FuzzInspect$$' -fuzztime $(FUZZTIME) ./hash
	go test -run '^$$' -fuzz '^FuzzLock$$' -fuzztime $(FUZZTIME) ./hash
	go test -fuzz '^FuzzCanonical$$' -fuzztime $(FUZZTIME) ./ispmail
	go test -run '^$$' -fuzz '^FuzzSpellings$$' -fuzztime $(FUZZTIME) ./ispmail/internal/address
	go test -run '^$$' -fuzz '^FuzzFields$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 100x ./passwd/internal/web
	go test -run '^$$' -fuzz '^FuzzForwardedFor$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 100x ./passwd/internal/web
	go test -run '^$$' -fuzz '^FuzzOrigin$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 100x ./passwd
	go test -run '^$$' -fuzz '^FuzzAuthorization$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 100x ./passwd
	go test -run '^$$' -fuzz '^FuzzAddresses$$' -fuzztime $(FUZZTIME) ./ispmail/internal/address
	go test -run '^$$' -fuzz '^FuzzCheck$$' -fuzztime $(FUZZTIME) ./passwd/internal/policy

.PHONY: help test test-all mailserver mailserver-test mariadb-test cluster-test deb deb-test alerts-test bench lint vulncheck release fmt soak soak-service reproduce fuzz
