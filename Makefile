# Echolon: a PGXS build, and the commands of the project.
#
#   make && make install        build and install into the PostgreSQL of PG_CONFIG
#   make installcheck           pg_regress, and pg_isolation_regress where it is, on a running server
#                               that has it installed; REGRESS=name, ISOLATION=name for one alone
#   make prove_installcheck     TAP tests (crash, standby, dump, …); not as root
#   make demo, make demo-stop   a private server with data, models and predictions
#   make dashboard              the models in a browser: the demo's, or those of PGHOST, PGDATABASE, …
#   make test                   everything; installs what is missing on Debian and Ubuntu
#   make unit                   the learner alone, under sanitizers, without a server
#   make parity                 features against numbers of pandas
#   make accuracy               scores against scikit-learn's on nine data sets
#   make bench                  speed beside PostgreSQL's windows, pandas, DuckDB; bench/README.md
#   make docs                   docs/reference.md from the COMMENTs
#   make dist                   the release archive for PGXN
#
# The version stands in echolon.control and META.json (a test compares them).

# The folder of this file, "./" in place, for builds outside of the tree.
here := $(dir $(lastword $(MAKEFILE_LIST)))

EXTENSION = echolon
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(here)echolon.control)

MODULE_big = echolon
# The naive twin is for the unit tests only.
SRCS := $(patsubst $(here)%,%,$(filter-out %/naive.c,$(wildcard $(here)src/*.c $(here)src/*/*.c)))
OBJS = $(SRCS:.c=.o)

# The parts of the script, in the order of who uses whom.
SQL_PARTS = src/prologue.sql src/model/model.sql src/model/versions.sql src/model/statistics.sql src/model/progress.sql src/model/exchange.sql src/data/load.sql src/train/train.sql \
	src/predict/predict.sql src/predict/evaluate.sql \
	src/features/window.sql src/features/rows.sql src/features/aggregates.sql \
	src/features/store.sql src/features/encoders.sql src/features/sets.sql src/features/direct.sql \
	src/operate/report.sql src/operate/fine_tune.sql src/operate/update.sql src/operate/compare.sql src/operate/retrain.sql src/operate/schedule.sql src/operate/drift.sql src/operate/monitor.sql src/operate/predictions.sql \
	src/operate/validate.sql src/operate/preprocess.sql \
	src/epilogue.sql
DATA_built = echolon--$(EXTVERSION).sql

REGRESS = $(sort $(patsubst $(here)sql/%.sql,%,$(wildcard $(here)sql/*.sql)))
REGRESS_OPTS = --load-extension=echolon

# -ffp-contract=off: a fused multiply-add rounds differently, and a model must
# have the same bits on every machine.  No fast-math for the same reason.
PG_CPPFLAGS = -I$(here)src
PG_CFLAGS = -std=gnu11 -O3 -ffp-contract=off -Wno-declaration-after-statement $(WERROR)
# Bitcode would be built without these flags, and need clang.
override with_llvm := no

EXTRA_CLEAN = echolon--*.sql tmp_check

# What the first "make" shows must be PGXS's all, and it must not fail to be
# read where there is no PostgreSQL yet: "make test" installs one.
all:

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
# Sessions in a race (specs/): not every package of a PostgreSQL's headers has the
# program for them, and who asks for one file of sql/ wants that one.
ifneq ($(wildcard $(dir $(PGXS))../test/isolation/pg_isolation_regress),)
ifneq ($(origin REGRESS),command line)
ISOLATION = $(sort $(patsubst $(here)specs/%.spec,%,$(wildcard $(here)specs/*.spec)))
endif
endif
ISOLATION_OPTS = --load-extension=echolon
ifeq ($(origin ISOLATION),command line)
REGRESS =
endif
include $(PGXS)

echolon--$(EXTVERSION).sql: $(SQL_PARTS) echolon.control
	cat $(filter %.sql,$^) > $@

# PGXS tracks no headers: rebuild all when one changes.
$(OBJS): $(wildcard $(here)src/*.h $(here)src/*/*.h)
# A build outside of the tree needs the folders of the objects.
$(shell mkdir -p $(sort $(dir $(OBJS))))

prove_installcheck:
	rm -rf '$(CURDIR)/tmp_check'
	cd '$(srcdir)' && TESTDIR='$(CURDIR)' TESTDATADIR='$(CURDIR)/tmp_check' \
		TESTLOGDIR='$(CURDIR)/tmp_check/log' PATH="$(bindir):$$PATH" PGPORT='6$(DEF_PGPORT)' \
		PG_REGRESS='$(top_builddir)/src/test/regress/pg_regress' \
		prove -I '$(top_builddir)/src/test/perl' $(PROVE_FLAGS) \
		$(if $(PROVE_TESTS),$(PROVE_TESTS),test/tap/*.pl)
else
all install uninstall installcheck prove_installcheck clean distclean:
	@echo 'No PostgreSQL to build for: "$(PG_CONFIG) --pgxs" names no file.' >&2
	@echo 'Debian, Ubuntu: scripts/install-deps (or apt-get install postgresql-server-dev-all).' >&2
	@echo 'Elsewhere: install the server headers of PostgreSQL 15 or later, and set' >&2
	@echo 'PG_CONFIG=/path/to/pg_config.' >&2
	@exit 1
endif

demo:
	@$(here)scripts/demo start

demo-stop:
	@$(here)scripts/demo stop

dashboard:
	@$(here)scripts/dashboard $(DASHBOARD_FLAGS)

test:
	@$(here)scripts/test

unit:
	@$(MAKE) -C $(here)test/unit check

parity:
	@$(here)scripts/parity

accuracy:
	@$(here)scripts/accuracy

bench:
	@$(here)bench/run

docs:
	@$(here)scripts/make-reference

dist:
	git archive --format=zip --prefix=$(EXTENSION)-$(EXTVERSION)/ \
		-o $(EXTENSION)-$(EXTVERSION).zip HEAD

.PHONY: demo demo-stop dashboard test unit parity accuracy bench docs dist prove_installcheck
