# tally: build, test, demo. `make help` lists the targets.
# B is the build folder: two builds side by side want two (`make B=build/asan SAN=address,undefined`).

B ?= build
CC ?= cc
SAN ?=
OPT ?= -O2
DEBUG ?= -g
WERROR ?=
PY = /usr/bin/python3
# How many tests and checks run side by side.
JOBS ?= $(shell nproc)
# V=1 shows the commands.
V ?=
Q = $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)  $@")

PKGS = libzmq libprotobuf-c liblmdb libuv libconfuse libmicrohttpd libsodium libzstd zlib jansson libcurl
PKG_CFLAGS := $(shell pkg-config --cflags libzmq libprotobuf-c libuv libconfuse libmicrohttpd libsodium libzstd jansson libcurl 2>/dev/null)
LIBS = -lzmq -lprotobuf-c -llmdb -luv -lconfuse -lmicrohttpd -lsodium -lzstd -lz -ljansson -lcsv -lzip -lexpat -lxlsxwriter -lcurl -lpthread -lm

CFLAGS = -std=gnu11 $(OPT) $(DEBUG) -fno-omit-frame-pointer -Wall -Wextra -Wshadow -Wstrict-prototypes -Wno-missing-field-initializers \
	$(if $(WERROR),-Werror) -D_GNU_SOURCE -I. -I$(B)/gen $(PKG_CFLAGS) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all)
LDFLAGS = $(if $(SAN),-fsanitize=$(SAN))
ifneq ($(findstring fuzzer,$(SAN)),)
CC = clang
endif

# ---- rooms, lower ones first: a room may include itself and what stands in its list (scripts hold it: tests/lint) ----
ROOMS = proto daemon/base daemon/reader daemon/conf daemon/loop daemon/store daemon/ledger daemon/link daemon/api daemon/book daemon/ctl daemon/run \
	daemon/survey daemon/talent daemon/identity daemon/intake daemon/fold daemon/figures daemon/periods daemon/returns daemon/registrar daemon/subsidy collector aggregator/talents aggregator

room_src = $(filter-out %/main.c,$(wildcard $(1)/*.c))
PROTOS = $(wildcard proto/*.proto)
GEN = $(PROTOS:proto/%.proto=$(B)/gen/proto/%.pb-c.c) $(B)/gen/proto/tables.c
GEN_H = $(PROTOS:proto/%.proto=$(B)/gen/proto/%.pb-c.h)

# Form files and rule files, as the programs carry them.
FORMS = $(B)/gen/daemon/survey/forms.c $(B)/gen/daemon/survey/calendar.c $(B)/gen/daemon/talent/rules.c

SRC = $(foreach r,$(ROOMS),$(call room_src,$(r)))
OBJ = $(SRC:%.c=$(B)/%.o) $(GEN:%.c=%.o) $(FORMS:%.c=%.o)
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
	$(Q)protoc-c --c_out=$(B)/gen $<

TABLES = proto/registers.tsv proto/rules.tsv proto/faults.tsv proto/codes.tsv proto/occupations-2022.tsv proto/district-history.tsv
$(B)/gen/proto/tables.c: proto/embed.awk $(TABLES)
	@mkdir -p $(@D)
	$(Q)awk -f proto/embed.awk $(TABLES) > $@.new && mv $@.new $@

FORM_FILES = $(wildcard daemon/survey/forms/*.form)
$(B)/gen/daemon/survey/forms.c: daemon/survey/embed_forms.awk $(FORM_FILES)
	@mkdir -p $(@D)
	$(Q)awk -f daemon/survey/embed_forms.awk $(FORM_FILES) > $@.new && mv $@.new $@
$(B)/gen/daemon/survey/calendar.c: daemon/survey/embed_forms.awk daemon/survey/calendar.tsv
	@mkdir -p $(@D)
	$(Q)awk -v list=calendar_sources -f daemon/survey/embed_forms.awk daemon/survey/calendar.tsv > $@.new && mv $@.new $@
RULE_FILES = $(wildcard daemon/talent/rules/*.rule)
$(B)/gen/daemon/talent/rules.c: daemon/survey/embed_forms.awk $(RULE_FILES)
	@mkdir -p $(@D)
	$(Q)awk -v list=talent_sources -f daemon/survey/embed_forms.awk $(RULE_FILES) > $@.new && mv $@.new $@

# ---- objects ----

$(B)/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/gen/%.o: $(B)/gen/%.c | $(GEN_H)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) -w -MMD -MP -c -o $@ $<

# One archive: the linker takes from it what a program needs. The walls between rooms are held by `make lint`.
$(LIB): $(OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && ar rcsP $@ $^

$(B)/tally-collector: $(B)/collector/main.o $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/tally-aggregator: $(B)/aggregator/main.o $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/tallyctl: $(B)/daemon/ctl/main.o $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# A test of a room links that room's objects and those below it only: it can be built while the rooms above are under repair.
# Its name begins with the room's: store_crash_test.c is a test of daemon/store.
NEEDS_proto = proto
NEEDS_base = $(NEEDS_proto) daemon/base
NEEDS_reader = $(NEEDS_base) daemon/reader
NEEDS_conf = $(NEEDS_base) daemon/conf
NEEDS_loop = $(NEEDS_base) daemon/loop
NEEDS_store = $(NEEDS_base) daemon/store
NEEDS_ledger = $(NEEDS_store) daemon/ledger
NEEDS_link = $(NEEDS_ledger) daemon/loop daemon/link
NEEDS_api = $(NEEDS_base) daemon/api
NEEDS_book = $(NEEDS_api) daemon/book
NEEDS_ctl = $(NEEDS_api) daemon/ctl daemon/conf daemon/ledger daemon/store daemon/loop daemon/link daemon/identity
NEEDS_run = $(NEEDS_link) daemon/conf daemon/api daemon/run
NEEDS_intake = $(NEEDS_run) daemon/reader daemon/book daemon/survey daemon/talent daemon/identity daemon/intake
NEEDS_identity = $(NEEDS_ledger) daemon/identity
NEEDS_survey = $(NEEDS_ledger) daemon/survey
NEEDS_talent = $(NEEDS_survey) daemon/talent
NEEDS_figures = $(NEEDS_run) daemon/book $(NEEDS_talent) daemon/fold daemon/figures
NEEDS_periods = $(NEEDS_figures) daemon/identity daemon/periods
NEEDS_returns = $(NEEDS_figures) daemon/identity daemon/returns
NEEDS_registrar = $(NEEDS_intake) $(NEEDS_figures) daemon/registrar
NEEDS_subsidy = $(NEEDS_api) $(NEEDS_talent) daemon/subsidy
NEEDS_collector = $(NEEDS_registrar) $(NEEDS_periods) daemon/returns daemon/subsidy collector
NEEDS_aggregator = $(NEEDS_registrar) $(NEEDS_periods) daemon/returns daemon/subsidy aggregator/talents aggregator
needs = $(sort $(foreach r,$(NEEDS_$(1)),$(patsubst %.c,$(B)/%.o,$(call room_src,$(r))))) $(GEN:%.c=%.o) $(if $(filter intake survey talent figures periods returns registrar subsidy collector aggregator,$(1)),$(FORMS:%.c=%.o))
room_of = $(firstword $(subst _, ,$(notdir $(1))))

define test_rule
$(1): $(B)/$(2).o $(call needs,$(call room_of,$(2)))
	@mkdir -p $$(@D)
	$$(call say,LD)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) -lcmocka $$(LIBS)
endef
# Tests with tests/unit/memory_fails.h.
$(B)/tests/unit/talent_memory_test $(B)/tests/unit/figures_live_test: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap
# Tests in which nothing starts a thread: the thread sanitizer has nothing to see in them, and is not given them. In the plain build
# one_thread.c is in each, and stops it where that is not true.
ONE_THREAD = $(filter $(addprefix $(B)/tests/unit/,proto_% reader_% conf_% survey_% identity_% book_% base_buf_% base_clock_% loop_timer_% \
	ledger_hash_% link_down_% link_frame_% link_machine_% link_page_% link_question_% ctl_command_% ctl_keygen_% ctl_table_% subsidy_% \
	talent_alert_% talent_index_% talent_memory_% talent_rules_% figures_form_%) $(B)/tests/simulation/link_sim_%,$(UNIT) $(SIM))
ifeq ($(SAN),)
$(ONE_THREAD): $(B)/tests/unit/one_thread.o
endif

$(foreach t,$(wildcard tests/unit/*_test.c tests/simulation/*_test.c),$(eval $(call test_rule,$(B)/$(t:.c=),$(t:.c=))))

$(BENCH): $(B)/tests/bench/%: $(B)/tests/bench/%.o $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# Some of them wait, for a deadline or for the disk.
.PHONY: unit
unit: $(if $(filter thread,$(SAN)),$(filter-out $(ONE_THREAD),$(SIM) $(UNIT)),$(SIM) $(UNIT))
	@printf '%s\n' $^ | TSAN_OPTIONS=suppressions=tests/system/tsan.txt xargs -P $$(($(JOBS) + 1)) -n 1 tests/unit/run.sh

.PHONY: clean
clean:
	rm -rf $(B)

# ---- what a machine needs ----

.PHONY: deps-build deps-test
deps-build:
	@deploy/install-packages.sh build docs
deps-test:
	@deploy/install-packages.sh build docs test

# A sub-make, so that what was just installed is seen by pkg-config.
.PHONY: demo check bench
demo: deps-build
	$(MAKE) all
	TALLY_BUILD=$(B) $(PY) deploy/demo/demo.py

check: deps-test
	$(MAKE) check-plain
	$(MAKE) check-sanitized

bench: deps-test
	$(MAKE) all bench-tools
	TALLY_BUILD=$(B) $(PY) tests/bench/bench.py

# ---- tests: `make check` is all of it but the fuzzers' minutes; its parts can be called alone ----

SEEDS ?= 30
# Many of these tests wait, for a daemon or for the disk.
PYTEST = $(PY) -m pytest -q -p no:cacheprovider -n $$(($(JOBS) + 1))

.PHONY: check-plain check-sanitized
check-plain: all unit system-tools
	TALLY_BUILD=$(B) TALLY_SEEDS=$(SEEDS) $(PYTEST) tests/system

# The sanitizers' code makes gcc warn of what cannot be: -Werror holds the plain build. Their reports want lines, not variables.
check-sanitized:
	$(MAKE) B=$(B)/asan SAN=address,undefined OPT=-O1 DEBUG=-g1 WERROR= all unit system-tools
	TALLY_BUILD=$(B)/asan TALLY_SEEDS=3 $(PYTEST) tests/system -m "not slow"
	$(MAKE) B=$(B)/tsan SAN=thread OPT=-O1 DEBUG=-g1 WERROR= all unit
	TALLY_BUILD=$(B)/tsan TALLY_SEEDS=3 $(PYTEST) tests/system -m threads

# A collector that does not seal: the control of a search that must find it (test_identity_bytes.py).
.PHONY: system-tools
system-tools: $(B)/tests/tally-collector-unsealed
$(B)/tests/tally-collector-unsealed: $(B)/collector/main.o $(B)/tests/system/unsealed.o $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=crypto_box_seal -o $@ $^ $(LIBS)

# ---- fuzzing: tests/fuzz/NAME.c → build/fuzz/tests/fuzz/NAME, its corpus beside it. Each runs twice for half of its time, so that no
# processor is idle while the last of an odd number runs; the second half goes on from what the first has found. ----

FUZZ = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ_SECONDS ?= 60

.PHONY: fuzz fuzz-build
fuzz:
	$(MAKE) B=$(B)/fuzz SAN=fuzzer-no-link,address,undefined OPT=-O1 DEBUG=-g1 fuzz-build
	@printf '%s\n' $(FUZZ) $(FUZZ) | xargs -P $(JOBS) -I{} tests/fuzz/run.sh $(B)/fuzz/tests/fuzz/{} $$((($(FUZZ_SECONDS) + 1) / 2))

fuzz-build: $(FUZZ:%=$(B)/tests/fuzz/%)
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(LIB)
	$(call say,LD)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS)

# ---- bench ----

.PHONY: bench-tools
bench-tools: $(BENCH)

# ---- lint: walls, sizes, looks, and two readers of C ----

LINT_C = $(shell git ls-files -co --exclude-standard '*.c')
LINT_H = $(shell git ls-files -co --exclude-standard '*.h')

.PHONY: lint lint-walls lint-format lint-tidy lint-cppcheck
lint: lint-walls lint-format lint-cppcheck lint-tidy

lint-walls:
	$(PY) tests/lint/walls.py
lint-format:
	@clang-format --dry-run -Werror $(LINT_C) $(LINT_H)
lint-cppcheck: $(GEN_H)
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr -j $(JOBS) \
		--suppressions-list=tests/lint/cppcheck.txt -D_GNU_SOURCE -I. -i$(B) $(filter-out tests/%,$(LINT_C))
lint-tidy: $(GEN_H)
	@printf '%s\n' $(filter-out tests/%,$(LINT_C)) | xargs -P $(JOBS) -n 1 sh -c 'clang-tidy --quiet "$$@" -- $(filter-out -W%,$(CFLAGS)) 2>/dev/null' lint

# ---- installation ----

DESTDIR ?=
PREFIX ?= /usr
MAN = $(patsubst deploy/man/%.scd,$(B)/man/%,$(wildcard deploy/man/*.scd)) \
	$(B)/man/tally-collector.conf.5 $(B)/man/tally-aggregator.conf.5 $(B)/man/tally-faults.7

.PHONY: man install
man: $(MAN)
$(B)/man/%: deploy/man/%.scd
	@mkdir -p $(@D)
	scdoc < $< > $@

# The page of error codes is made from their table.
$(B)/man/tally-faults.7: deploy/man/tally-faults.awk proto/faults.tsv
	@mkdir -p $(@D)
	awk -f deploy/man/tally-faults.awk proto/faults.tsv | scdoc > $@

# The settings' pages are made from the settings' rows.
$(B)/man/tally-%.conf.5: deploy/man/tally-conf.5.in $(B)/tally-%
	@mkdir -p $(@D)
	{ sed 's/@NAME@/$*/g' $<; $(B)/tally-$* -M; } | scdoc > $@

install: all man
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7 \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/doc/tally/rules
	install -m 755 $(B)/tallyctl $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(B)/tally-collector $(B)/tally-aggregator $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 deploy/systemd/*.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 644 $(filter %.1,$(MAN)) $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 $(filter %.5,$(MAN)) $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 $(filter %.7,$(MAN)) $(DESTDIR)$(PREFIX)/share/man/man7/
	install -m 644 $(filter %.8,$(MAN)) $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 README.md NEWS.md LICENSE deploy/examples/*.conf $(DESTDIR)$(PREFIX)/share/doc/tally/
	install -m 644 deploy/examples/rules/*.rule daemon/talent/rules/*.rule $(DESTDIR)$(PREFIX)/share/doc/tally/rules/

.PHONY: help
help:
	@echo "make            build the daemons and tallyctl into $(B)/"
	@echo "make demo       a city with sixteen districts on this machine, from nothing to the figures"
	@echo "make check      every test, plain and under the sanitizers"
	@echo "make unit       the unit and simulation tests alone"
	@echo "make fuzz       every fuzzer for FUZZ_SECONDS (60) each"
	@echo "make lint       walls, sizes, format, clang-tidy, cppcheck"
	@echo "make bench      measures the road against raw LMDB; writes $(B)/bench.tsv"
	@echo "make install    into DESTDIR and PREFIX (/usr)"
