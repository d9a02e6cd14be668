# vault: a multi-tenant secrets manager inside PostgreSQL.
#
#   make && sudo make install      build and install for pg_config's server
#   script/test                    all tests, in private instances
#
# The order of FEATURES is the order of SQL, of linking, of initialisation and of
# include rank: a feature includes headers of itself and of earlier ones only.

FEATURES = platform redaction crypto door audit keyring tenant integrity home identity policy role token notify type secret lifecycle expiry rotation pki review document verify \
	evidence usage anomaly jobs

# The order of the regression tests; each after the first stands by itself.
REGRESS = install status hold rotation_turns envelope tenants principals reservations grants grant_text grants_apply delegation administrators roles conditions conditions_property \
	access_review policy_document any_case names tokens single_use issuers subjects groups put get get_many places json_values put_options environments bindings read_only types type_policies type_functions \
	versions lifecycle notifications expiry purge rename_tag rotation_times rotation rotation_targets rotation_functions rotation_rights rotation_types keys tampering audit_changes integrity verify isolation_of_tenants doors guard outside catalog audit_calls audit_views \
	usage anomalies mass_read jobs columns api_errors attacks redaction not_a_name evidence

MODULE_big = vault
EXTENSION = vault
DATA = vault--1.0.sql
OBJS = src/module.o $(patsubst %.c,%.o,$(foreach f,$(FEATURES),$(sort $(wildcard src/$(f)/*.c))))

PG_CFLAGS = -std=gnu11 -fvisibility=hidden -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wall -Wextra \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Wno-clobbered -Wno-declaration-after-statement
PG_CPPFLAGS = -Isrc -I$(libpq_srcdir)
SHLIB_LINK = -lcrypto -ljansson $(libpq) -Wl,-z,relro,-z,now

PG_CONFIG ?= pg_config
# No bitcode: nothing here is worth inlining into a query, and clang is not needed then.
override with_llvm := no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS would run "make installcheck" against any server that listens; script/test
# brings its own.
HEADERS_OF_ALL = $(wildcard src/*/*.h)
$(OBJS): $(HEADERS_OF_ALL)

SQL_PARTS = $(wildcard $(foreach f,$(FEATURES),src/$(f)/$(f).sql))

define assemble
{ printf '%s\n' '/* vault--1.0.sql: assembled by make from src/<feature>/<feature>.sql; change those. */'; \
  printf '%s\n' '\echo Use "CREATE EXTENSION vault CASCADE" to load this file. \quit'; \
  for part in $(SQL_PARTS); do echo; cat $$part; done; }
endef

# Compared by content: a checkout gives no meaning to timestamps.
vault--1.0.sql: FORCE
	@$(assemble) > $@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:

# The program that checks an exported trail: plain C and libcrypto, nothing of the server.
VERIFIER = bin/vault-audit-verify
VAULT_VERSION = $(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" vault.control)
VERIFIER_SOURCES = $(wildcard src/evidence/offline/*.c) src/evidence/note.c \
	src/crypto/primitives.c src/crypto/ed25519.c

$(VERIFIER): $(VERIFIER_SOURCES) $(HEADERS_OF_ALL) $(wildcard src/evidence/offline/*.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -Wall -Wextra -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Isrc \
		-DVAULT_VERSION='"$(VAULT_VERSION)"' -o $@ $(VERIFIER_SOURCES) -lcrypto -Wl,-z,relro,-z,now

all: vault--1.0.sql $(VERIFIER)

install: install-verifier
install-verifier: $(VERIFIER)
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) $(VERIFIER) '$(DESTDIR)$(bindir)/vault-audit-verify'

uninstall: uninstall-verifier
uninstall-verifier:
	rm -f '$(DESTDIR)$(bindir)/vault-audit-verify'

clean: clean-verifier
clean-verifier:
	rm -f $(VERIFIER)

check-sql:
	@$(assemble) | cmp -s - vault--1.0.sql || { echo 'vault--1.0.sql is not current: run make'; exit 1; }

print-features:
	@echo $(FEATURES)
print-regress:
	@echo $(REGRESS)

valgrind:
	$(MAKE) -C test/unit valgrind

.PHONY: install-verifier uninstall-verifier clean-verifier FORCE check-sql print-features print-regress valgrind
