# Keyferry. `make help` says what there is to make.

ifeq ($(origin CC),default)
CC := gcc
endif
MODE         ?= release
FUZZ_SECONDS ?= 60
PYTHON       := /usr/bin/python3

BUILD := $(if $(filter release-gcc,$(MODE)-$(notdir $(CC))),build,build/$(MODE)-$(notdir $(CC)))
PKGS  := librabbitmq msgpack jansson libvirt libsodium libevent_core libevent_extra libxml-2.0 inih libsystemd
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

CPPFLAGS := -I. -D_GNU_SOURCE $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS   := -std=c17 -g $(WARN) $(HARD) $(FLAGS_$(MODE))
LDFLAGS  := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
LDLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread

SRC      := $(wildcard $(ROOMS:%=%/*.c))
MAINS    := worker/main.c cli/main.c
OBJ      := $(SRC:%.c=$(BUILD)/%.o)
LIB_OBJ  := $(filter-out $(MAINS:%.c=$(BUILD)/%.o) $(BUILD)/cli/%,$(OBJ))
CLI_OBJ  := $(filter $(BUILD)/cli/% $(BUILD)/bus/% $(BUILD)/schemas/%,$(OBJ))
# A fake_NAME.c stands in for the real half of NAME.h, so tests link from an archive.
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
SIM      := $(patsubst tests/sim/%.c,$(BUILD)/tests/%,$(wildcard tests/sim/sim_*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

all: $(BUILD)/keyferryd $(BUILD)/keyferry

$(BUILD)/keyferryd: $(LIB_OBJ) $(BUILD)/worker/main.o
$(BUILD)/keyferry: $(CLI_OBJ)
$(BUILD)/keyferryd $(BUILD)/keyferry:
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/libkeyferry.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# `// with: fake_hv.c` in a test's first lines names what is linked beside it.
$(BUILD)/tests/test_%: tests/unit/test_%.c $(BUILD)/libkeyferry.a $(wildcard tests/unit/fake_*.c tests/unit/*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(LDFLAGS) $< $$(sed -n 's,^// with: ,tests/unit/,p' $<) $(BUILD)/libkeyferry.a $(LDLIBS) -lcmocka -o $@

unit: $(UNIT)
	@set -e; for t in $(UNIT); do $$t; done

build/fuzz/%: tests/fuzz/%.c $(wildcard schemas/*.c schemas/*.h)
	@mkdir -p $(@D)
	clang $(CPPFLAGS) -std=c17 -g -O1 -fsanitize=fuzzer,address,undefined $(filter %.c,$^) $(LDLIBS) -o $@

clean:
	rm -rf build

.PHONY: all unit clean
.SECONDARY:
-include $(OBJ:.o=.d)
