/*
 * ledger_area.h
 *		The ledger in shared memory, for the two files that know its layout.
 *
 * ledger.c says which process writes what, and how a reader gets a consistent copy.
 */
#ifndef VAULT_AUDIT_LEDGER_AREA_H
#define VAULT_AUDIT_LEDGER_AREA_H

#include "platform/compat.h"

#include "port/atomics.h"

#include "audit/ledger_sum.h"
#include "platform/tables.h"

#define ACCOUNTS 1024 /* the first is for tenants without an account */
#define ENTRIES  8192

typedef struct Account
{
	bool used;
	pg_uuid_t tenant;
	LedgerSum written;
} Account;

/* The state of an account as the sealer has settled it. */
typedef struct Settled
{
	LedgerSum seen;
	LedgerSum ahead; /* rows found before the account had them */
} Settled;

/* An entry.  Its xid is 0 while it is free, and 1 while it is written. */
typedef struct LedgerEntry
{
	pg_atomic_uint64 xid;
	Oid log;
	pg_uuid_t tenant;
	LedgerSum sum;
} LedgerEntry;

typedef struct Ledger
{
	pg_atomic_uint64 writing;
	pg_atomic_uint64 settling;
	pg_atomic_uint64 appended_at;   /* time of the newest row, of any process */
	pg_atomic_uint64 stepped_at;    /* time up to which all rows have been looked at */
	pg_atomic_uint64 waiting_since; /* time of the first append after stepped_at */
	pg_atomic_uint64 uncounted;
	bool open;        /* a step was settled */
	Oid log;          /* table of the accounts */
	uint64 first_xid; /* first transaction of the accounts */
	uint64 last_xid;
	uint64 era; /* grows when the accounts begin anew */
	Account accounts[ACCOUNTS];
	uint64 settled_era;
	uint64 ahead_xid; /* newest transaction of the rows that are ahead */
	uint64 settled_uncounted;
	Settled settled[ACCOUNTS];
	LedgerEntry entries[ENTRIES];
} Ledger;

extern Ledger *ledger_area;

/* Stands for several tenants, in the last entry of a transaction. */
extern const pg_uuid_t ledger_several;

/*
 * Return the number of the tenant's account, in the ledger or in a copy; 0 if it has none.  With
 * `add`, make one if there is room.
 */
static inline int
ledger_account_number(Account *accounts, const pg_uuid_t *tenant, bool add)
{
	uint32 hash;

	memcpy(&hash, tenant->data + 8, sizeof(hash));
	for (int i = 0; i < ACCOUNTS - 1; i++)
	{
		int number = 1 + (hash + i) % (ACCOUNTS - 1);

		if (accounts[number].used && uuid_equal(&accounts[number].tenant, tenant))
			return number;
		if (accounts[number].used)
			continue;
		if (!add)
			return 0;
		accounts[number].used = true;
		accounts[number].tenant = *tenant;
		return number;
	}
	return 0;
}

#endif
