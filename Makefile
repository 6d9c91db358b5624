# Keyferry. `make help` says what there is to make.

ifeq ($(origin CC),default)
CC := gcc
endif
MODE         ?= release
FUZZ_SECONDS ?= 60
PREFIX       ?= /usr/local
UNITDIR      ?= $(PREFIX)/lib/systemd/system
# polkit looks for rules in /usr/share and /etc only, until version 124.
POLKITDIR    ?= $(if $(filter /usr,$(PREFIX)),/usr/share,/etc)/polkit-1/rules.d
PYTHON       := /usr/bin/python3

BUILD := $(if $(filter release-gcc,$(MODE)-$(notdir $(CC))),build,build/$(MODE)-$(notdir $(CC)))
# msgpack-c's .pc file has another name since version 6.
MSGPACK := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
PKGS  := librabbitmq $(MSGPACK) jansson libvirt libsodium libevent_core libevent_extra libevent_openssl openssl libxml-2.0 inih sqlite3 libsystemd
ROOMS := schemas bus handlers worker cli

WARN := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion \
        -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wformat=2 \
        -Wundef -Wvla -Wcast-qual -Wwrite-strings -Wpointer-arith -Wnull-dereference \
        -Wswitch-enum -Wimplicit-fallthrough -Wdouble-promotion
HARD := -fPIE -fno-common -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
SAN  := -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all

FLAGS_release := -O2 -D_FORTIFY_SOURCE=3
FLAGS_asan    := $(SAN) -fsanitize=address,undefined
FLAGS_tsan    := $(SAN) -fsanitize=thread
FLAGS_fuzz    := $(SAN) -fsanitize=fuzzer-no-link,address,undefined
export TSAN_OPTIONS ?= suppressions=$(CURDIR)/tests/tsan.supp

# -Wno-cpp: librabbitmq from 0.14 on wants its headers by names that 0.11 does not have.
CPPFLAGS := -I. -D_GNU_SOURCE -Wno-cpp $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS   := -std=c17 -g $(WARN) $(HARD) $(FLAGS_$(MODE)) $(EXTRA_CFLAGS)
LDFLAGS  := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
LDLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread

SRC     := $(wildcard $(ROOMS:%=%/*.c))
HEADERS := $(wildcard $(ROOMS:%=%/*.h))
OBJ     := $(SRC:%.c=$(BUILD)/%.o)
LIB_OBJ := $(filter-out $(BUILD)/worker/main.o $(BUILD)/cli/%,$(OBJ))
ALL_OBJ := $(filter-out $(BUILD)/worker/main.o $(BUILD)/cli/main.o,$(OBJ))
CLI_OBJ := $(filter $(BUILD)/cli/% $(BUILD)/bus/% $(BUILD)/schemas/%,$(OBJ))
TESTS   := $(wildcard tests/unit/test_*.c)
UNIT    := $(TESTS:tests/unit/%.c=$(BUILD)/tests/%)
SIM     := $(patsubst tests/sim/%.c,$(BUILD)/tests/%,$(wildcard tests/sim/sim_*.c))
REAL    := $(BUILD)/tests/bus_test $(BUILD)/tests/hv_test
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ    := $(FUZZERS:%=$(BUILD)/tests/fuzz_%)
REPLAY  := $(FUZZERS:%=$(BUILD)/tests/replay_%)

# A sanitizer keeps what is freed: where memory is searched for secrets, it is that of the programs as they are shipped.
SHIPPED := $(if $(filter build,$(BUILD)),build/keyferryd build/keyferry,release)

all: $(BUILD)/keyferryd $(BUILD)/keyferry

help:
	@echo 'make                build/keyferryd and build/keyferry'
	@echo 'make demo           the whole main job on this machine, live migration included; KEEP=1 leaves it running'
	@echo 'make check          every test; make unit | sim | corpus | real | e2e for one kind; E2E=name for one file of e2e'
	@echo 'make canary         the search of the whole system for known secrets, which make e2e does as well'
	@echo 'make storm          20,000 requests under 300 faults, a quarter of an hour; then storm-broken; STORM="--seed 1 …" for tests/storm/run'
	@echo 'make storm-broken   the four broken variants that a storm has to catch; storm-short is what make check does'
	@echo 'make cluster        ten rounds of each fault of a cluster of three brokers; ROUNDS=N for others'
	@echo 'make asan tsan      the unit tests under the sanitizers; MODE=asan before any other target does the same'
	@echo 'make package        the package on a machine of its own: installed, upgraded under load, purged; needs root'
	@echo 'make walk           README.md and the runbooks, as they are written, on a machine of its own; needs root'
	@echo 'make lint           formatting, layers, lengths, warnings of both compilers, clang-tidy, gcc -fanalyzer'
	@echo 'make format         lay the code out as lint wants it'
	@echo 'make fuzz           each fuzzer for FUZZ_SECONDS (60)'
	@echo 'make bench          speed and memory, beside the peers; writes tests/bench/RESULTS.md'
	@echo 'make install        to DESTDIR and PREFIX (/usr/local)'
	@echo 'make man            the man pages, in build/man'
	@echo 'make protocol       what follows from the tables in schemas/, anew in PROTOCOL.md'
	@echo 'make deb            build/keyferry_VERSION_ARCH.deb, the same bytes wherever it is made'
	@echo 'make deps           install what building needs; also deps-deb, deps-demo, deps-check, deps-bench'
	@echo 'make clean'

$(BUILD)/keyferryd: $(LIB_OBJ) $(BUILD)/worker/main.o
$(BUILD)/keyferry: $(CLI_OBJ)
$(BUILD)/keyferryd $(BUILD)/keyferry:
	@echo $@; $(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/libkeyferry.a: $(ALL_OBJ)
	@rm -f $@; echo $@; ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D); echo $@; $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/worker/page_files.o: $(wildcard worker/page/*)

# A test's first line, "// with: fake_hv.c", names what is linked beside it, before the archive.
LINK_TEST = @mkdir -p $(@D); echo $@; $(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(LDFLAGS) $< \
            $$(sed -n 's,^// with: ,tests/unit/,p' $<) $(BUILD)/libkeyferry.a $(LDLIBS) -lcmocka -o $@
TEST_DEPS := $(BUILD)/libkeyferry.a $(HEADERS) $(wildcard tests/unit/fake_*.c tests/unit/*.h)

$(UNIT): $(BUILD)/tests/%: tests/unit/%.c $(TEST_DEPS)
	$(LINK_TEST)
$(SIM): $(BUILD)/tests/%: tests/sim/%.c $(TEST_DEPS)
	$(LINK_TEST)
$(REAL): $(BUILD)/tests/%: tests/e2e/%.c $(TEST_DEPS)
	$(LINK_TEST)
$(BUILD)/tests/open_envelope: tests/open_envelope.c $(TEST_DEPS)
	$(LINK_TEST)
# A fuzzer may define what it stands in for; of the archive that file is then not taken.
LINK_FUZZER = @mkdir -p $(@D); echo $@; $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(filter %.c %.o %.a,$^) $(LDLIBS)
FUZZ_DEPS  := $(BUILD)/cli/settings.o $(BUILD)/libkeyferry.a | tests/fuzz/fuzz.h

$(REPLAY): $(BUILD)/tests/replay_%: tests/fuzz/fuzz_%.c tests/fuzz/replay_main.c $(FUZZ_DEPS)
	$(LINK_FUZZER) -o $@
$(FUZZ): $(BUILD)/tests/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_DEPS)
	$(LINK_FUZZER) -fsanitize=fuzzer -o $@

unit: $(UNIT) $(BUILD)/tests/open_envelope
	@set -e; for t in $(UNIT); do $$t; done
	$(BUILD)/tests/open_envelope tests/vectors/hpke-interop.json
sim: $(SIM)
	@set -e; for t in $(SIM); do $$t; done
corpus: $(REPLAY)
	@set -e; for f in $(FUZZERS); do $(BUILD)/tests/replay_$$f tests/fuzz/corpus/$$f; done
real: $(REAL)
	tests/lab/with --broker -- $(BUILD)/tests/bus_test
	tests/lab/with --hypervisor -- $(BUILD)/tests/hv_test
e2e: $(SHIPPED) $(BUILD)/keyferryd $(BUILD)/keyferry
	KEYFERRY_BUILD=$(BUILD) tests/e2e/run $(E2E)
release:
	@$(MAKE) --no-print-directory MODE=release CC=gcc all
canary: $(SHIPPED)
	KEYFERRY_BUILD=build tests/e2e/run canary:
storm: $(SHIPPED)
	KEYFERRY_BUILD=build tests/storm/run $(STORM)
	@$(MAKE) --no-print-directory storm-broken
storm-short: $(SHIPPED)
	KEYFERRY_BUILD=build tests/storm/run --requests 600 --faults 12 $(STORM)
storm-broken: $(SHIPPED)
	tests/storm/run-broken
cluster: $(SHIPPED)
	KEYFERRY_BUILD=build KEYFERRY_ROUNDS=$(or $(ROUNDS),10) tests/e2e/run cluster:
e2e-threads: $(BUILD)/keyferryd $(BUILD)/keyferry
	KEYFERRY_BUILD=$(BUILD) tests/e2e/run order: crosswise duplicates "in the midst"
fuzz:
	@$(MAKE) --no-print-directory MODE=fuzz CC=clang fuzz-run
fuzz-run: $(FUZZ)
	@set -e; for f in $(FUZZERS); do mkdir -p build/corpus/$$f; $(BUILD)/tests/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) \
	    -malloc_limit_mb=16 $$(ls tests/fuzz/$$f.dict 2>&- | sed s/^/-dict=/) build/corpus/$$f tests/fuzz/corpus/$$f; done
asan tsan:
	$(MAKE) MODE=$@ unit

deps deps-deb deps-demo deps-check deps-bench:
	@deploy/install-deps $(if $(filter deps,$@),build,$(@:deps-%=%))

# The variables above ask pkg-config, so what is installed first needs a make of its own.
check: deps-check
	@tests/check
demo: deps-demo
	@$(MAKE) --no-print-directory all
	@KEYFERRY_BUILD=$(BUILD) tests/demo
# keyferryd with the heap of glibc as it is, to be compared with.
$(BUILD)/bench/harden.o: schemas/harden.c $(HEADERS)
	@mkdir -p $(@D); echo $@; $(CC) $(CPPFLAGS) $(CFLAGS) -DIS_SANITIZED -c $< -o $@
$(BUILD)/bench/keyferryd: $(filter-out %/schemas/harden.o,$(LIB_OBJ)) $(BUILD)/bench/harden.o $(BUILD)/worker/main.o
	@echo $@; $(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@
bench: deps-bench
	@$(MAKE) --no-print-directory all $(BUILD)/bench/keyferryd
	@tests/bench/run

lint:
	@tests/lint
format:
	clang-format -i $(SRC) $(HEADERS) $(wildcard tests/*/*.[ch])
compile_commands.json:
	$(PYTHON) -c "import json,os; print(json.dumps([{'directory': os.getcwd(), 'file': f, 'command': '$(CC) $(CPPFLAGS) -std=c17 $(WARN) -c ' + f} for f in '$(SRC)'.split()], indent=1))" > $@

$(BUILD)/keyferry.conf: $(BUILD)/keyferryd
	$< --print-config > $@
$(BUILD)/keyferry.service: deploy/systemd/keyferry.service
	@mkdir -p $(@D)
	sed 's,/usr/local/,$(PREFIX)/,' $< > $@
.PHONY: $(BUILD)/keyferry.service
PAGES := $(patsubst deploy/man/%.in,$(BUILD)/man/%,$(wildcard deploy/man/*.in))
$(BUILD)/man/%: deploy/man/%.in deploy/man/help.awk deploy/man/make-man $(BUILD)/keyferryd $(BUILD)/keyferry
	@mkdir -p $(@D); echo $@; deploy/man/make-man $* $(BUILD) > $@
$(BUILD)/describe: deploy/protocol/describe.c $(BUILD)/libkeyferry.a
	@echo $@; $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@
protocol: $(BUILD)/describe
	$< < PROTOCOL.md > $(BUILD)/PROTOCOL.md
	@cmp -s $(BUILD)/PROTOCOL.md PROTOCOL.md || cp $(BUILD)/PROTOCOL.md PROTOCOL.md
$(BUILD)/completion/%: $(BUILD)/keyferry
	@mkdir -p $(@D)
	$< completion $* > $@
man: $(PAGES)

# What is installed, as mode:file:place. The package is made of the same.
DOC := $(PREFIX)/share/doc/keyferry
INSTALLED := 755:$(BUILD)/keyferryd:$(PREFIX)/sbin/keyferryd 755:$(BUILD)/keyferry:$(PREFIX)/bin/keyferry \
    755:deploy/broker-user:$(PREFIX)/sbin/keyferry-broker-user \
    644:$(BUILD)/keyferry.service:$(UNITDIR)/keyferry.service \
    644:deploy/systemd/sysusers.conf:$(PREFIX)/lib/sysusers.d/keyferry.conf \
    644:deploy/systemd/tmpfiles.conf:$(PREFIX)/lib/tmpfiles.d/keyferry.conf \
    644:deploy/polkit/60-keyferry.rules:$(POLKITDIR)/60-keyferry.rules \
    644:$(BUILD)/keyferry.conf:$(DOC)/examples/keyferry.conf \
    $(foreach f,$(wildcard deploy/examples/*.* deploy/examples/node/*.*),644:$f:$(DOC)/$f) \
    644:$(BUILD)/completion/bash:$(PREFIX)/share/bash-completion/completions/keyferry \
    644:$(BUILD)/completion/zsh:$(PREFIX)/share/zsh/vendor-completions/_keyferry \
    644:$(BUILD)/completion/fish:$(PREFIX)/share/fish/vendor_completions.d/keyferry.fish \
    $(foreach f,$(PAGES),644:$f:$(PREFIX)/share/man/man$(patsubst .%,%,$(suffix $f))/$(notdir $f)) \
    $(foreach f,$(filter-out HACKING.md,$(wildcard *.md)) $(wildcard deploy/*.md deploy/prometheus/alerts.yml deploy/grafana/*),644:$f:$(DOC)/$f)

install: all man $(addprefix $(BUILD)/completion/,bash zsh fish) $(BUILD)/keyferry.conf $(BUILD)/keyferry.service
	@set -e; for one in $(INSTALLED); do IFS=:; set -- $$one; echo "$(DESTDIR)$$3"; install -D -m $$1 $$2 "$(DESTDIR)$$3"; done
	@install -d -m 755 $(DESTDIR)/etc/keyferry
package: all
	@tests/deb
walk:
	@tests/walk
deb: deps-deb
	@deploy/build-deb $(CURDIR)/build
clean:
	rm -rf build compile_commands.json

.PHONY: all help unit sim corpus real release canary e2e e2e-threads storm storm-short storm-broken cluster fuzz fuzz-run asan \
        tsan deps deps-deb deps-demo deps-check deps-bench check demo bench lint format compile_commands.json man protocol install deb package walk \
        clean
.SECONDARY:
-include $(OBJ:.o=.d)
