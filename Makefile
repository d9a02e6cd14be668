# vault: a multi-tenant secrets manager inside PostgreSQL.
#
#   make && sudo make install      build and install for pg_config's server
#   script/test                    all tests, in private instances
#   make -f /path/to/Makefile      the same out of the tree, in the present directory
#
# The order of FEATURES is the order of SQL, of linking, of initialisation and of
# include rank: a feature includes headers of itself and of earlier ones only, and its SQL refers to
# these only. The last feature ends the script: functions of one after it would be left to PUBLIC.

FEATURES = platform redaction crypto context guard audit keyring tenant integrity origin outbox \
	identity throttle policy role token entry notify type secret lifecycle expiry rotation pki \
	administration access_review policy_document evidence usage anomaly jobs verify repair

# The order of the regression tests; each after the first stands by itself.
REGRESS = install status hold rotation_turns envelope tenants principals reservations grants grant_text grants_apply delegation administrators roles conditions conditions_property \
	access_review policy_document any_case names tokens single_use issuers subjects groups put get get_many head_cache json_values put_options environments bindings read_only types type_policies type_functions \
	versions lifecycle notifications expiry purge rename_tag rotation_times rotation rotation_targets rotation_functions rotation_rights rotation_types keys tampering audit_changes integrity verify isolation_of_tenants entry guard outside catalog audit_calls audit_views \
	usage anomalies mass_read jobs repair columns api_errors attacks redaction not_a_name mistakes evidence

# Where the sources are; with make -f another directory, which may be read-only.
SOURCE := $(or $(VPATH),$(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST)))))
IN_TREE := $(if $(filter $(CURDIR),$(realpath $(SOURCE))),yes)
sources = $(sort $(patsubst $(SOURCE)/%,%,$(wildcard $(addprefix $(SOURCE)/,$(1)))))

MODULE_big = vault
EXTENSION = vault
# What leads from one version to the next: updates/vault--A--B.sql.
DATA = vault--1.0.sql $(call sources,updates/vault--*--*.sql)
OBJS = src/module.o $(patsubst %.c,%.o,$(foreach f,$(FEATURES),$(call sources,src/$(f)/*.c)))

CLANG_USED = $(findstring clang,$(shell $(CC) --version 2>/dev/null))
# The server's own flags, which it was compiled with by gcc, mean nothing to clang.
CLANG_CFLAGS = -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes
PG_CFLAGS = -std=gnu11 -fvisibility=hidden -fstack-protector-strong -Wall -Wextra \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Wno-declaration-after-statement \
	$(if $(CLANG_USED),$(CLANG_CFLAGS),-Wno-clobbered)
PG_CPPFLAGS = -D_GNU_SOURCE -Isrc $(if $(IN_TREE),,-I$(SOURCE)/src) -I$(libpq_srcdir)
HARDENED_LINK = -Wl,-z,relro,-z,now
SHLIB_LINK = -lcrypto -ljansson $(libpq) $(HARDENED_LINK)

PG_CONFIG ?= pg_config
# No bitcode: nothing here is worth inlining into a query, and clang is not needed then.
override with_llvm := no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# What was built beside the sources is another build's: only they are looked for there.
ifndef IN_TREE
override VPATH :=
vpath %.c $(SOURCE)
vpath %.h $(SOURCE)
vpath %.control $(SOURCE)
endif

# Beside the old one and renamed, so that whatever starts meanwhile finds a whole library and
# what runs keeps the one that it has.
INSTALL_SHLIB = $(install_sh) $(INSTALL_SHLIB_OPTS)

# Of the levels that the server, the packager and this file ask for, the highest one counts; two
# definitions would be a warning. -fhardened brings its own, and without -O there is none.
FLAGS_GIVEN := $(CPPFLAGS) $(CFLAGS)
OPTIMIZES := $(filter-out -O0,$(lastword $(filter -O%,$(FLAGS_GIVEN))))
FORTIFY := $(lastword $(sort 2 $(patsubst -D_FORTIFY_SOURCE=%,%,$(filter -D_FORTIFY_SOURCE=%,$(FLAGS_GIVEN)))))
override CPPFLAGS := $(filter-out -D_FORTIFY_SOURCE=%,$(CPPFLAGS))
override CFLAGS := $(filter-out -D_FORTIFY_SOURCE=%,$(CFLAGS))
ifeq ($(or $(filter -fhardened,$(FLAGS_GIVEN)),$(findstring _FORTIFY_SOURCE=,$(CPPFLAGS) $(CFLAGS))),)
override CPPFLAGS += $(if $(OPTIMIZES),-D_FORTIFY_SOURCE=$(FORTIFY))
endif

HEADERS_OF_ALL = $(filter-out $(NAMES),$(call sources,src/*/*.h src/*/*/*.h))
# What the API is called, for hints after a typo; the reference is compared with the catalogue by the tests.
NAMES = src/redaction/names.h
src/redaction/suggestion.o: $(NAMES)
define array
echo; echo 'static const char *const $(1)[] = {'; LC_ALL=C sort -u | sed -n 's/^[a-z_][a-z_]*$$/\t"&",/p'; echo '};'
endef
$(NAMES): $(SOURCE)/docs/reference.md $(SOURCE)/Makefile | src/redaction
	@{ echo '/* names.h: made by make from docs/reference.md. */'; \
		sed -n 's/^vault\.\([a-z_]*\)(.*/\1/p' $< | { $(call array,functions); }; \
		sed -n 's/^### `vault\.\([a-z_]*\)`$$/\1/p' $< | { $(call array,views); }; \
		sed -n '/^## Views$$/,/^## Settings$$/s/^| `\([a-z_]*\)` | .*/\1/p' $< | { $(call array,columns); }; } >$@.new
	@mv $@.new $@

# What the features say of their tables, in one list for platform/tables.h.
TABLE_LIST = src/tablelist.h
$(OBJS): $(TABLE_LIST)
$(TABLE_LIST): $(SOURCE)/Makefile $(call sources,src/*/*_tables.h) | src
	@{ echo '/* tablelist.h: made by make from FEATURES. */'; \
		printf '#include "%s"\n' $(patsubst src/%,%,$(foreach f,$(FEATURES),$(call sources,src/$(f)/$(f)_tables.h))); } >$@.new
	@mv $@.new $@

OBJECT_DIRS = $(sort $(patsubst %/,%,$(dir $(OBJS))))
$(OBJS): $(HEADERS_OF_ALL) | $(OBJECT_DIRS)
$(OBJECT_DIRS):
	@mkdir -p $@

assemble = $(SOURCE)/script/assemble $(SOURCE) $(FEATURES)

# Compared by content: a checkout gives no meaning to timestamps. Out of the tree it has to be current.
# Without Perl the committed script is taken.
ifdef IN_TREE
ifneq ($(shell command -v perl),)
vault--1.0.sql: FORCE
	@$(assemble) >$@.new || { rm -f $@.new; exit 1; }
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
endif
all: vault--1.0.sql
FORCE:
else
all: check-sql
endif

# The program that checks an exported trail: plain C and libcrypto, nothing of the server.
VERIFIER = bin/vault-audit-verify
VAULT_VERSION = $(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" $(SOURCE)/vault.control)
VERIFIER_SOURCES = $(call sources,src/evidence/offline/*.c) src/evidence/signed_note.c \
	src/crypto/primitives.c src/crypto/ed25519.c

$(VERIFIER): $(VERIFIER_SOURCES) $(HEADERS_OF_ALL)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -DVAULT_VERSION='"$(VAULT_VERSION)"' -o $@ \
		$(filter %.c,$^) $(LDFLAGS) $(LDFLAGS_EX) -lcrypto $(HARDENED_LINK)

all: $(VERIFIER)

install: install-verifier
install-verifier: $(VERIFIER)
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) $(VERIFIER) '$(DESTDIR)$(bindir)/vault-audit-verify'

uninstall: uninstall-verifier
uninstall-verifier:
	rm -f '$(DESTDIR)$(bindir)/vault-audit-verify'

clean: clean-made
clean-made:
	rm -f $(VERIFIER) $(NAMES) $(TABLE_LIST)

check-sql:
	@command -v perl >/dev/null || exit 0; $(assemble) | cmp -s - $(SOURCE)/vault--1.0.sql || { echo 'vault--1.0.sql is not current: run make'; exit 1; }

print-features:
	@echo $(FEATURES)
print-regress:
	@echo $(REGRESS)

valgrind:
	$(MAKE) -C $(SOURCE)/test/unit valgrind

.PHONY: install-verifier uninstall-verifier clean-made FORCE check-sql print-features print-regress valgrind
