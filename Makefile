# tally: build, test, demo. `make help` lists the targets.
# B is the build folder: two builds side by side want two (`make B=build/asan SAN=address,undefined`).

B ?= build
CC ?= cc
SAN ?=
OPT ?= -O2
WERROR ?=
PY = /usr/bin/python3

PKGS = libzmq libprotobuf-c liblmdb libuv libconfuse libmicrohttpd libsodium libzstd jansson libcurl
PKG_CFLAGS := $(shell pkg-config --cflags libzmq libprotobuf-c libuv libconfuse libmicrohttpd libsodium libzstd jansson libcurl 2>/dev/null)
LIBS = -lzmq -lprotobuf-c -llmdb -luv -lconfuse -lmicrohttpd -lsodium -lzstd -ljansson -lcsv -lcurl -lpthread -lm

CFLAGS = -std=gnu11 $(OPT) -g -fno-omit-frame-pointer -Wall -Wextra -Wshadow -Wstrict-prototypes -Wno-missing-field-initializers \
	$(if $(WERROR),-Werror) -D_GNU_SOURCE -I. -I$(B)/gen $(PKG_CFLAGS) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all)
LDFLAGS = $(if $(SAN),-fsanitize=$(SAN))
ifneq ($(findstring fuzzer,$(SAN)),)
CC = clang
endif

# ---- rooms, lower ones first: a room may include itself and what stands in its list (scripts hold it: tests/lint) ----
ROOMS = proto daemon/base daemon/conf daemon/loop daemon/store daemon/ledger daemon/link daemon/api daemon/ctl daemon/run \
	collector aggregator

room_src = $(filter-out %/main.c,$(wildcard $(1)/*.c))
PROTOS = $(wildcard proto/*.proto)
GEN = $(PROTOS:proto/%.proto=$(B)/gen/proto/%.pb-c.c) $(B)/gen/proto/tables.c
GEN_H = $(PROTOS:proto/%.proto=$(B)/gen/proto/%.pb-c.h)

SRC = $(foreach r,$(ROOMS),$(call room_src,$(r)))
OBJ = $(SRC:%.c=$(B)/%.o) $(GEN:%.c=%.o)
LIB = $(B)/libtally.a
BIN = $(B)/tally-collector $(B)/tally-aggregator $(B)/tallyctl

UNIT = $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/*_test.c))
SIM = $(patsubst tests/simulation/%.c,$(B)/tests/simulation/%,$(wildcard tests/simulation/*_test.c))
BENCH = $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(wildcard tests/bench/*.c))

.PHONY: all
all: $(BIN)

# ---- generated ----

$(B)/gen/proto/%.pb-c.c $(B)/gen/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(B)/gen
	protoc-c --c_out=$(B)/gen $<

TABLES = proto/registers.tsv proto/rules.tsv proto/faults.tsv proto/codes.tsv proto/occupations-2022.tsv proto/district-history.tsv
$(B)/gen/proto/tables.c: proto/embed.awk $(TABLES)
	@mkdir -p $(@D)
	awk -f proto/embed.awk $(TABLES) > $@.new && mv $@.new $@

# ---- objects ----

$(B)/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/gen/%.o: $(B)/gen/%.c | $(GEN_H)
	$(CC) $(CFLAGS) -w -MMD -MP -c -o $@ $<

# One archive: the linker takes from it what a program needs. The walls between rooms are held by `make lint`.
$(LIB): $(OBJ)
	rm -f $@ && ar rcs $@ $^

$(B)/tally-collector: $(B)/collector/main.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/tally-aggregator: $(B)/aggregator/main.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/tallyctl: $(B)/daemon/ctl/main.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# A test of a room links that room's objects and those below it only: it can be built while the rooms above are under repair.
# Its name begins with the room's: store_crash_test.c is a test of daemon/store.
NEEDS_proto = proto
NEEDS_base = $(NEEDS_proto) daemon/base
NEEDS_conf = $(NEEDS_base) daemon/conf
NEEDS_loop = $(NEEDS_base) daemon/loop
NEEDS_store = $(NEEDS_base) daemon/store
NEEDS_ledger = $(NEEDS_store) daemon/ledger
NEEDS_link = $(NEEDS_ledger) daemon/loop daemon/link
NEEDS_api = $(NEEDS_base) daemon/api
NEEDS_ctl = $(NEEDS_api) daemon/ctl daemon/conf daemon/ledger daemon/store daemon/loop daemon/link
NEEDS_run = $(NEEDS_link) daemon/conf daemon/api daemon/run
NEEDS_collector = $(NEEDS_run) collector
NEEDS_aggregator = $(NEEDS_run) aggregator
needs = $(sort $(foreach r,$(NEEDS_$(1)),$(patsubst %.c,$(B)/%.o,$(call room_src,$(r))))) $(GEN:%.c=%.o)
room_of = $(firstword $(subst _, ,$(notdir $(1))))

define test_rule
$(1): $(B)/$(2).o $(call needs,$(call room_of,$(2)))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) -lcmocka $$(LIBS)
endef
$(foreach t,$(wildcard tests/unit/*_test.c tests/simulation/*_test.c),$(eval $(call test_rule,$(B)/$(t:.c=),$(t:.c=))))

$(BENCH): $(B)/tests/bench/%: $(B)/tests/bench/%.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: unit
unit: $(UNIT) $(SIM)
	@for t in $^; do echo "== $$t"; $$t || exit 1; done

.PHONY: clean
clean:
	rm -rf $(B)
